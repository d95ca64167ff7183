// A pie of n equal parts; a part is taken by touching it.
(function () {
  "use strict";
  var SVG = "http://www.w3.org/2000/svg", NUMBERS = "零一二三四五六七八九十";
  var n = 4, taken = [], task = null;
  function el(id) { return document.getElementById(id); }
  function point(turn, r) { return (160 + r * Math.sin(turn * 2 * Math.PI)) + " " + (160 - r * Math.cos(turn * 2 * Math.PI)); }
  function shape(i) {
    if (n === 1) { return "M160 10A150 150 0 1 1 159.9 10Z"; }
    return "M160 160L" + point(i / n, 150) + "A150 150 0 0 1 " + point((i + 1) / n, 150) + "Z";
  }
  function count() { return taken.filter(Boolean).length; }

  function draw() {
    var pie = el("pie");
    while (pie.firstChild) { pie.removeChild(pie.firstChild); }
    for (var i = 0; i < n; i += 1) { pie.appendChild(part(i)); }
    el("top").textContent = count();
    el("bottom").textContent = n;
    say();
    Array.prototype.forEach.call(el("parts").children, function (b) { b.classList.toggle("on", Number(b.value) === n); });
  }

  function part(i) {
    var p = document.createElementNS(SVG, "path");
    p.setAttribute("d", shape(i));
    p.setAttribute("fill", taken[i] ? "#f2a83b" : "#fffaf0");
    p.setAttribute("stroke", "#8a5a00");
    p.setAttribute("stroke-width", "5");
    p.onclick = function () { taken[i] = !taken[i]; draw(); };
    return p;
  }

  function say() {
    var k = count(), words = "平均分成 " + n + " 份，取了 " + k + " 份。";
    if (k > 0 && n > 1) { words += "读作：" + NUMBERS[n] + "分之" + NUMBERS[k]; }
    var right = task && task.n === n && task.k === k;
    el("say").textContent = right ? "对了！" + words : words;
    el("say").className = right ? "say good" : "say";
  }

  function ask() {
    var size = [2, 3, 4, 5, 6, 8][Math.floor(Math.random() * 6)];
    task = { n: size, k: 1 + Math.floor(Math.random() * (size - 1)) };
    el("task").textContent = "表示出 " + task.k + "/" + task.n;
    say();
  }

  [1, 2, 3, 4, 5, 6, 8].forEach(function (size) {
    var b = document.createElement("button");
    b.value = size;
    b.textContent = size + " 份";
    b.onclick = function () { n = size; taken = []; draw(); };
    el("parts").appendChild(b);
  });
  el("next").onclick = ask;
  task = { n: 4, k: 1 };
  el("task").textContent = "表示出 1/4";
  draw();
}());
