// A clock whose hands keep to each other: the hour hand moves with the minutes.
(function () {
  "use strict";
  var now = 8 * 60, task = 0;
  function el(id) { return document.getElementById(id); }
  function at(turn, r) { return [160 + r * Math.sin(turn * 2 * Math.PI), 160 - r * Math.cos(turn * 2 * Math.PI)]; }
  function two(n) { return (n < 10 ? "0" : "") + n; }
  function hour(t) { return Math.floor(t / 60) % 12 || 12; }
  function digits(t) { return hour(t) + ":" + two(t % 60); }
  function line(turn, from, to, colour, width) {
    var a = at(turn, from), b = at(turn, to);
    return '<line x1="' + a[0] + '" y1="' + a[1] + '" x2="' + b[0] + '" y2="' + b[1] + '" stroke="' + colour + '" stroke-width="' + width + '" stroke-linecap="round"/>';
  }

  function words(t) {
    var m = t % 60;
    if (m === 0) { return hour(t) + " 时整"; }
    if (m === 30) { return hour(t) + " 时半"; }
    return hour(t) + " 时 " + m + " 分" + (m >= 55 ? "，快到 " + hour(t + 60) + " 时" : "");
  }

  function draw() {
    var out = '<circle cx="160" cy="160" r="150" fill="#fff" stroke="#2f5d8a" stroke-width="8"/>';
    for (var i = 0; i < 60; i += 1) { out += line(i / 60, i % 5 ? 138 : 130, 144, "#555", i % 5 ? 2 : 5); }
    for (var n = 1; n <= 12; n += 1) { var p = at(n / 12, 112); out += '<text x="' + p[0] + '" y="' + (p[1] + 9) + '" font-size="26" text-anchor="middle">' + n + "</text>"; }
    out += line(now / 720, 0, 70, "#c2452d", 12) + line(now / 60, 0, 104, "#1f66b0", 7) + '<circle cx="160" cy="160" r="9"/>';
    el("clock").innerHTML = out;
    el("time").textContent = digits(now);
    el("words").textContent = words(now);
  }

  function ask() {
    var next = task;
    while (next === task) { next = (1 + Math.floor(Math.random() * 12)) * 60 + 5 * Math.floor(Math.random() * 12); }
    task = next;
    el("task").textContent = words(task).split("，")[0];
    el("said").textContent = "";
  }

  Array.prototype.forEach.call(document.querySelectorAll("[data-by]"), function (b) {
    b.onclick = function () { now = (now + Number(b.getAttribute("data-by")) + 720) % 720; draw(); };
  });
  el("check").onclick = function () {
    var good = now % 720 === task % 720;
    el("said").textContent = good ? "对了！" : "再看看：先对时针，再对分针。";
    el("said").className = "say " + (good ? "good" : "bad");
  };
  el("next").onclick = ask;
  draw();
  ask();
}());
