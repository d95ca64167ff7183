// A metronome, a board of four beats (two bars of two), and a tap to compare with the beat.
(function () {
  "use strict";
  var NAMES = ["ta", "ti ti", "空"];
  var cells = [0, 0, 1, 0], bpm = 72, sound = null, timer = null, beat = -1, lastBeat = 0, taps = [];
  function el(id) { return document.getElementById(id); }

  var buttons = cells.map(function (kind, i) {
    var b = document.createElement("button");
    b.className = "cell" + (i === 1 ? " bar" : "");
    b.onclick = function () { cells[i] = (cells[i] + 1) % 3; draw(); };
    el("board").appendChild(b);
    return b;
  });

  function draw() {
    buttons.forEach(function (b, i) {
      b.innerHTML = NAMES[cells[i]] + "<small>" + (i % 2 === 0 ? "强" : "弱") + "</small>";
      b.classList.toggle("on", i === beat);
    });
    el("speed").textContent = bpm;
  }

  function click(when, strong, pitch) {
    if (!sound) { return; }
    var tone = sound.createOscillator(), gain = sound.createGain();
    tone.frequency.value = pitch;
    gain.gain.setValueAtTime(strong ? 0.8 : 0.35, when);
    gain.gain.exponentialRampToValueAtTime(0.001, when + 0.09);
    tone.connect(gain); gain.connect(sound.destination);
    tone.start(when); tone.stop(when + 0.1);
  }

  function step() {
    beat = (beat + 1) % 4;
    lastBeat = Date.now();
    var now = sound ? sound.currentTime + 0.01 : 0, strong = beat % 2 === 0;
    if (cells[beat] !== 2) { click(now, strong, strong ? 1200 : 900); }
    if (cells[beat] === 1) { click(now + 30 / bpm, false, 900); }
    el("say").textContent = strong ? "强" : "弱";
    draw();
  }

  function start() {
    var Audio = window.AudioContext || window.webkitAudioContext;
    if (!sound && Audio) { sound = new Audio(); }
    if (sound && sound.resume) { sound.resume(); }
    beat = -1; taps = [];
    step();
    timer = setInterval(step, 60000 / bpm);
    el("play").textContent = "■ 停止";
  }

  function stop() {
    clearInterval(timer);
    timer = null; beat = -1;
    el("play").textContent = "▶ 开始";
    draw();
  }

  function change(by) {
    bpm = Math.max(40, Math.min(132, bpm + by));
    if (timer) { clearInterval(timer); timer = setInterval(step, 60000 / bpm); }
    draw();
  }

  function tap() {
    if (!timer) { el("result").textContent = "先点“开始”。"; return; }
    var long = 60000 / bpm, off = (Date.now() - lastBeat) % long;
    if (off > long / 2) { off -= long; }
    taps.push(Math.abs(off));
    taps = taps.slice(-8);
    var mean = taps.reduce(function (a, b) { return a + b; }, 0) / taps.length;
    var word = mean < 70 ? "拍得很稳！" : mean < 140 ? "不错，再听一听。" : off > 0 ? "慢了一点，早一点拍。" : "快了一点，等一等。";
    el("result").textContent = word;
    el("result").className = mean < 140 ? "good" : "bad";
  }

  el("play").onclick = function () { if (timer) { stop(); } else { start(); } };
  el("slower").onclick = function () { change(-6); };
  el("faster").onclick = function () { change(6); };
  el("tap").onclick = tap;
  draw();
}());
