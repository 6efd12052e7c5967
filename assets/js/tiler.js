// A worker that decodes many pictures behind the page, so that the hand's own picture never waits for a mosaic.

const nets = new Map();
let loading = null;

async function net(runtime, onnx) {
  loading ??= import(runtime + "ort.wasm.min.mjs").then((ort) => {
    ort.env.wasm.wasmPaths = runtime;
    ort.env.wasm.numThreads = 1;
    ort.env.logLevel = "error";
    return ort;
  });
  const ort = await loading;
  if (!nets.has(onnx)) nets.set(onnx, fetch(onnx).then((answer) => answer.arrayBuffer()).then((bytes) => ort.InferenceSession.create(new Uint8Array(bytes))));
  return { ort, session: await nets.get(onnx) };
}

let turn = Promise.resolve(); // one after the other: a session runs one request at a time
onmessage = ({ data }) => { turn = turn.then(() => answer(data)); };

async function answer({ id, runtime, onnx, z, y, n, latent, conditions }) {
  try {
    const { ort, session } = await net(runtime, onnx);
    const feeds = { z: new ort.Tensor("float32", z, [n, ...latent]) };
    if (conditions) feeds.y = new ort.Tensor("float32", y ?? new Float32Array(n * conditions), [n, conditions]);
    const pixels = (await session.run(feeds)).x.data;
    postMessage({ id, pixels }, [pixels.buffer]);
  } catch (error) {
    postMessage({ id, error: String(error?.message ?? error) });
  }
}
