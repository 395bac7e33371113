// A browser starts no worker from a file. There a frame runs the search's script, and is talked to as a worker is.
if (location.protocol === "file:") {
  window.Worker = class {
    constructor(url) {
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.documentElement.append(this.frame);
      const inside = this.frame.contentWindow;
      inside.postMessage = (message) => {
        const data = structuredClone(message); // as between threads: neither side sees what the other changes
        setTimeout(() => this.onmessage && this.onmessage({ data }));
      };
      this.loaded = new Promise((done) => {
        const script = inside.document.createElement("script");
        script.src = url;
        script.onload = done;
        inside.document.documentElement.append(script);
      });
    }
    postMessage(message) {
      const data = structuredClone(message);
      this.loaded.then(() => this.frame.contentWindow && this.frame.contentWindow.onmessage({ data }));
    }
    terminate() {
      this.frame.remove();
    }
  };
}
