// The log as blocks of lines: the browser skips the layout of blocks that nobody sees.

const BLOCK_LINES = 500;
const MOST_LINES = 200000; // beyond this the oldest blocks go; the download has them

export class LogView {
  constructor(element, onFollow) {
    this.element = element;
    this.onFollow = onFollow;
    this.block = null;
    this.lines = 0;
    this.step = "";
    this.following = true;
    // Up goes a person, or a log that became shorter because a block was measured.
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

  follow(wanted) {
    if (wanted === this.following) return;
    this.following = wanted;
    this.onFollow(wanted);
    if (wanted) this.toEnd();
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
    while (this.lines > MOST_LINES && this.element.firstElementChild !== this.block) {
      this.lines -= this.element.firstElementChild.childElementCount;
      this.element.firstElementChild.remove();
    }
    if (this.following) this.toEnd();
  }

  // The last block is always laid out; only full ones are skipped, at the height they have.
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
    const words = document.createElement("span");
    words.textContent = text; // never markup
    line.append(clock, words);
    return line;
  }
}
