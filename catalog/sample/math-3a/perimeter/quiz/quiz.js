// Five questions on perimeters; each wrong answer is a mistake children really make.
(function () {
  "use strict";
  var QUESTIONS = [
    { text: "长方形长 6 厘米，宽 4 厘米，周长是多少？", figure: [6, 4], right: "20 厘米", wrong: ["10 厘米", "24 厘米"], why: "（6＋4）×2＝20。10 只走了一半，24 是 6×4。" },
    { text: "正方形边长 5 厘米，周长是多少？", figure: [5, 5], right: "20 厘米", wrong: ["10 厘米", "25 厘米"], why: "四条边一样长：5×4＝20。" },
    { text: "三角形三条边是 3、4、5 厘米，周长是多少？", right: "12 厘米", wrong: ["7 厘米", "60 厘米"], why: "把三条边加起来：3＋4＋5＝12。" },
    { text: "长方形长 8 厘米，宽 3 厘米，周长是多少？", figure: [8, 3], right: "22 厘米", wrong: ["11 厘米", "24 厘米"], why: "（8＋3）×2＝22。" },
    { text: "长方形周长 18 厘米，长 5 厘米，宽是多少？", figure: [5, 4], right: "4 厘米", wrong: ["13 厘米", "8 厘米"], why: "一长一宽是 18÷2＝9，宽是 9－5＝4。" }
  ];
  var at = 0, points = 0;
  function el(id) { return document.getElementById(id); }
  function shuffle(list) { return list.map(function (v) { return [Math.random(), v]; }).sort(function (a, b) { return a[0] - b[0]; }).map(function (p) { return p[1]; }); }

  function figure(size) {
    if (!size) { return '<path d="M80 190H320L166.4 104.8Z" fill="#fffaf0" stroke="#b06a00" stroke-width="5"/>'; }
    var w = size[0] * 36, h = size[1] * 36;
    return '<rect x="' + (200 - w / 2) + '" y="' + (110 - h / 2) + '" width="' + w + '" height="' + h + '" fill="#fffaf0" stroke="#b06a00" stroke-width="5"/>';
  }

  function show() {
    var q = QUESTIONS[at];
    el("number").textContent = "第 " + (at + 1) + " 题，共 " + QUESTIONS.length + " 题";
    el("question").textContent = q.text;
    el("figure").innerHTML = figure(q.figure);
    el("said").textContent = "";
    el("next").disabled = true;
    el("answers").innerHTML = "";
    shuffle([q.right].concat(q.wrong)).forEach(function (words) {
      var b = document.createElement("button");
      b.textContent = words;
      b.onclick = function () { answer(q, words); };
      el("answers").appendChild(b);
    });
  }

  function answer(q, words) {
    if (!el("next").disabled) { return; }
    var good = words === q.right;
    if (good) { points += 1; }
    el("said").textContent = (good ? "对了！" : "再想想：") + q.why;
    el("said").className = "say " + (good ? "good" : "bad");
    el("next").disabled = false;
  }

  el("next").onclick = function () {
    at += 1;
    if (at < QUESTIONS.length) { show(); return; }
    el("number").textContent = "做完了";
    el("question").textContent = "你答对了 " + points + " 题，共 " + QUESTIONS.length + " 题。";
    el("figure").innerHTML = el("answers").innerHTML = el("said").textContent = "";
    el("next").textContent = "再做一次";
    el("next").onclick = function () { location.reload(); };
  };
  show();
}());
