// A signature drawn with finger, pen or mouse: kept as a path (M and L of SVG), at most some kilobytes.
"use strict";
(() => {
  const box = document.querySelector(".signature");
  if (!box) return;
  const canvas = box.querySelector("canvas");
  const field = box.querySelector("input[name=signature]");
  const pen = canvas.getContext("2d");
  const CHARS_MAX = 12000;
  let path = "", last = null;
  box.hidden = false;
  const clear = () => { path = ""; field.value = ""; pen.clearRect(0, 0, canvas.width, canvas.height); };
  const at = (event) => {
    const frame = canvas.getBoundingClientRect();
    const x = Math.round((event.clientX - frame.left) * canvas.width / frame.width);
    const y = Math.round((event.clientY - frame.top) * canvas.height / frame.height);
    return [Math.min(Math.max(x, 0), canvas.width), Math.min(Math.max(y, 0), canvas.height)];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = at(event);
    path += `M${last[0]} ${last[1]}`;
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last || path.length > CHARS_MAX - 16) return;
    const [x, y] = at(event);
    if (Math.hypot(x - last[0], y - last[1]) < 3) return;
    pen.lineWidth = 2; pen.beginPath(); pen.moveTo(last[0], last[1]); pen.lineTo(x, y); pen.stroke();
    path += `L${x} ${y}`;
    last = [x, y];
    field.value = path;
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; });
  box.querySelector("[data-clear]").addEventListener("click", clear);
})();
