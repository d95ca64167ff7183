// Drops of the three primary paints; paints mix by what they take away from light.
(function () {
  "use strict";
  var PAINTS = [{ name: "红", rgb: [226, 59, 46] }, { name: "黄", rgb: [248, 211, 31] }, { name: "蓝", rgb: [39, 103, 201] }];
  // Mixtures as a child's paint box gives them (equal parts), by the paints taken: 1 red, 2 yellow, 4 blue.
  var MIXED = { 1: [226, 59, 46], 2: [248, 211, 31], 3: [240, 134, 42], 4: [39, 103, 201], 5: [122, 63, 157], 6: [59, 158, 74], 7: [96, 72, 58] };
  var NAMES = { 1: "红色", 2: "黄色", 3: "橙色", 4: "蓝色", 5: "紫色", 6: "绿色", 7: "棕褐色" };
  var TASKS = [3, 6, 5, 7], drops = [0, 0, 0], task = 0;
  function el(id) { return document.getElementById(id); }
  function sum() { return drops[0] + drops[1] + drops[2]; }
  function kind() { return (drops[0] ? 1 : 0) + (drops[1] ? 2 : 0) + (drops[2] ? 4 : 0); }

  function colour() {
    // From the pure mixture towards the paint there is most of.
    var all = sum(), used = drops.filter(Boolean).length, base = MIXED[kind()];
    return base.map(function (value, channel) {
      var lean = 0;
      drops.forEach(function (n, i) { if (n) { lean += (n / all - 1 / used) * PAINTS[i].rgb[channel]; } });
      return Math.max(0, Math.min(255, Math.round(value + 0.9 * lean)));
    });
  }

  function shade() {
    var k = kind();
    if (k === 6 && drops[1] > drops[2]) { return "浅绿"; }
    if (k === 6 && drops[2] > drops[1]) { return "深绿"; }
    if (k === 3 && drops[1] > drops[0]) { return "橘黄"; }
    if (k === 3 && drops[0] > drops[1]) { return "橘红"; }
    if (k === 5 && drops[0] > drops[2]) { return "紫红"; }
    if (k === 5 && drops[2] > drops[0]) { return "蓝紫"; }
    return NAMES[k];
  }

  function draw() {
    var n = sum();
    el("blob").setAttribute("r", Math.min(95, n ? 30 + n * 9 : 0));
    if (!n) { el("say").textContent = "盘子是空的。"; el("say").className = "say"; return; }
    el("blob").setAttribute("fill", "rgb(" + colour().join(",") + ")");
    var list = PAINTS.map(function (p, i) { return drops[i] ? p.name + " " + drops[i] + " 滴" : ""; }).filter(Boolean).join("，");
    var good = kind() === TASKS[task];
    el("say").textContent = list + "：" + shade() + (good ? "。对了！" : "");
    el("say").className = good ? "say good" : "say";
  }

  PAINTS.forEach(function (paint, i) {
    var b = document.createElement("button");
    b.className = "paint";
    b.textContent = paint.name;
    b.style.background = "rgb(" + paint.rgb.join(",") + ")";
    b.onclick = function () { if (sum() < 8) { drops[i] += 1; draw(); } };
    el("paints").appendChild(b);
  });
  el("wash").onclick = function () { drops = [0, 0, 0]; draw(); };
  el("next").onclick = function () { task = (task + 1) % TASKS.length; el("task").textContent = "调出" + NAMES[TASKS[task]]; drops = [0, 0, 0]; draw(); };
  draw();
}());
