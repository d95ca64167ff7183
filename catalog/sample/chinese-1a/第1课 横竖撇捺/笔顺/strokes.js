// Strokes in writing order, each with its name; drawn in a 100 by 100 square.
(function () {
  "use strict";
  var CHARACTERS = {
    "十": [["横", "M12 44Q50 40 88 43"], ["竖", "M50 10V92"]],
    "三": [["横", "M22 24Q50 21 78 23"], ["横", "M28 50Q50 47 72 49"], ["横", "M10 80Q50 76 90 79"]],
    "人": [["撇", "M50 12Q48 54 12 90"], ["捺", "M50 38Q62 70 90 88"]],
    "大": [["横", "M14 40Q50 36 86 39"], ["撇", "M50 8Q50 58 14 92"], ["捺", "M51 40Q62 72 90 90"]],
    "木": [["横", "M14 36Q50 32 86 35"], ["竖", "M50 8V94"], ["撇", "M48 37Q36 64 12 80"], ["捺", "M52 37Q66 64 90 80"]],
    "口": [["竖", "M24 26V80"], ["横折", "M24 28H76V78"], ["横", "M26 76H75"]],
    "日": [["竖", "M28 14V88"], ["横折", "M28 16H72V88"], ["横", "M30 50H70"], ["横", "M30 84H70"]],
    "山": [["竖", "M50 10V80"], ["竖折", "M18 40V82H82"], ["竖", "M82 38V84"]]
  };
  var name = "十", done = 0;
  function el(id) { return document.getElementById(id); }
  function stroke(d, colour) { return '<path d="' + d + '" fill="none" stroke="' + colour + '" stroke-width="8" stroke-linecap="round" stroke-linejoin="round"/>'; }

  function draw() {
    var all = CHARACTERS[name];
    var out = '<rect x="3" y="3" width="114" height="114" fill="#fffdf6" stroke="#c2452d" stroke-width="2"/><path d="M3 60H117M60 3V117" stroke="#e4a79b" stroke-width="1" stroke-dasharray="5 4"/><g transform="translate(10 10)">';
    all.forEach(function (s) { out += stroke(s[1], "#e4e0d6"); });
    all.slice(0, done).forEach(function (s, i) { out += stroke(s[1], i === done - 1 ? "#c2452d" : "#243038"); });
    el("grid").innerHTML = out + "</g>";
    el("say").textContent = done ? "第 " + done + " 笔：" + all[done - 1][0] + (done === all.length ? "。写好了，一共 " + done + " 画。" : "") : "“" + name + "”一共有几画？";
    el("next").disabled = done === all.length;
    Array.prototype.forEach.call(el("list").children, function (b) { b.classList.toggle("on", b.textContent === name); });
  }

  Object.keys(CHARACTERS).forEach(function (character) {
    var b = document.createElement("button");
    b.textContent = character;
    b.onclick = function () { name = character; done = 0; draw(); };
    el("list").appendChild(b);
  });
  el("next").onclick = function () { done += 1; draw(); };
  el("again").onclick = function () { done = 0; draw(); };
  draw();
}());
