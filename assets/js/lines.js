// Answers that come in pieces: lines of JSON, heard as they arrive, and arrays of bytes inside them.

/** The bytes that a text in base64 stands for. @param {string} text @returns {Uint8Array} */
export const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/**
 * Hears every line until `hear` says that it was the last one; a problem that the server tells is an Error, and so is an answer that breaks off.
 * @param {Response} answer @param {(line: any) => boolean|void} hear returns true at the last line
 * @param {AbortSignal} [signal] hangs up when it is aborted (its reason is thrown): `fetched` lets go of it when an answer begins
 */
export async function hearLines(answer, hear, signal = undefined) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader(), hangUp = () => reader.cancel().catch(() => {}); // it may have ended
  signal?.addEventListener("abort", hangUp, { once: true });
  try {
    for (let text = ""; ;) {
      const { value, done } = await reader.read();
      signal?.throwIfAborted();
      if (done) throw new Error("The server ended this before it was over; try it again.");
      text += value;
      const lines = text.split("\n");
      text = lines.pop();
      for (const line of lines) {
        const news = JSON.parse(line);
        if (news.problem) throw new Error(news.problem);
        if (hear(news)) return;
        signal?.throwIfAborted();
      }
    }
  } finally {
    signal?.removeEventListener("abort", hangUp);
    hangUp();
  }
}
