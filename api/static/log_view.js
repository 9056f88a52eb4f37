// The log as blocks of lines: the browser skips the layout of blocks outside the viewport.

const BLOCK_LINES = 500;
const MAX_LINES = 200000; // older blocks are removed; the download has all lines

export class LogView {
  constructor(element, onFollow) {
    this.element = element;
    this.onFollow = onFollow;
    this.block = null;
    this.lines = 0;
    this.step = "";
    this.following = true;
    // The position also decreases when the log gets shorter because a block was measured.
    let top = 0;
    let height = 0;
    element.addEventListener("scroll", () => {
      if (this.atEnd()) this.follow(true);
      else if (element.scrollTop < top - 2 && element.scrollHeight >= height) this.follow(false);
      top = element.scrollTop;
      height = element.scrollHeight;
    }, { passive: true });
  }

  atEnd() {
    return this.element.scrollHeight - this.element.scrollTop - this.element.clientHeight < 24;
  }

  follow(following) {
    if (following === this.following) return;
    this.following = following;
    this.onFollow(following);
    if (following) this.toEnd();
  }

  toEnd() {
    this.element.scrollTop = this.element.scrollHeight;
  }

  add(lines) {
    for (const [id, time, level, text] of lines) {
      if (this.block === null || this.block.childElementCount >= BLOCK_LINES) this.open();
      this.block.append(this.line(id, time, level, text));
    }
    this.lines += lines.length;
    while (this.lines > MAX_LINES && this.element.firstElementChild !== this.block) {
      this.lines -= this.element.firstElementChild.childElementCount;
      this.element.firstElementChild.remove();
    }
    if (this.following) this.toEnd();
  }

  // The last block always has a layout; full blocks may be skipped and retain their height.
  open() {
    if (this.block !== null) {
      this.block.style.containIntrinsicSize = `auto ${this.block.offsetHeight}px`;
      this.block.classList.add("full");
    }
    this.block = document.createElement("div");
    this.element.append(this.block);
  }

  line(id, time, level, text) {
    const line = document.createElement("div");
    line.className = level === "info" ? "line" : `line ${level}`;
    line.id = `L${id}`;
    const step = id.split("-")[0];
    if (this.step && step !== this.step) line.classList.add("first");
    this.step = step;
    const clock = document.createElement("time");
    clock.textContent = time.slice(11, 19);
    clock.dateTime = time;
    const content = document.createElement("span");
    content.textContent = text; // never markup
    line.append(clock, content);
    return line;
  }
}
