// Hear a word, touch its picture. Sounds and pictures are files beside this one.
(function () {
  "use strict";
  var WORDS = { cat: "猫", dog: "狗", duck: "鸭子", pig: "猪", bird: "鸟", panda: "熊猫" };
  var names = Object.keys(WORDS), asked = "", points = 0, player = new Audio();
  function el(id) { return document.getElementById(id); }

  function say() {
    player.src = asked + ".m4a";
    var done = player.play();
    if (done && done.catch) { done.catch(function () { el("word").textContent = asked; }); }
  }

  function ask() {
    var next = asked;
    while (next === asked) { next = names[Math.floor(Math.random() * names.length)]; }
    asked = next;
    el("word").textContent = "";
  }

  function choose(name) {
    if (!asked) { el("say").textContent = "先点“听一听”。"; return; }
    if (name !== asked) {
      el("say").textContent = "这是 " + name + "（" + WORDS[name] + "），再听一次。";
      el("say").className = "say bad";
      say();
      return;
    }
    points += 1;
    el("points").textContent = points;
    el("say").textContent = "对了！" + name + "，" + WORDS[name] + "。";
    el("say").className = "say good";
    ask();
    setTimeout(say, 900);
  }

  names.forEach(function (name) {
    var b = document.createElement("button"), picture = document.createElement("img");
    picture.src = name + ".svg";
    picture.alt = WORDS[name];
    picture.width = 150;
    b.appendChild(picture);
    b.onclick = function () { choose(name); };
    el("cards").appendChild(b);
  });
  el("listen").onclick = function () { if (!asked) { ask(); } say(); };
}());
