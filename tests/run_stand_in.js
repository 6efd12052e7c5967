// A road to one made-up training, which keeps what it is asked: window.more, dims, players change what the run is like, before this is read.

const N = 60, D = window.dims ?? 2, steps = [1, 10, 20, 30, 40], asked = window.asked = [];
const row = window.row = Object.assign({ name: "run", title: "A made-up run", state: "running", why: "", step: 40, steps: 100, seconds: 20, ahead: 0, sharing: 1, family: "vae",
  dataset: "made", model: { beta: 2 }, recipe: { stages: [{ players: ["model"], steps: 100, rate: 0.001 }] }, rate_factor: 1, mine: true, by_hand: true }, window.more);
const told = window.told = { events: [], frames: steps.slice() };
const event = (step) => (window.players ? { "critic loss": 1 / step, "generator loss": 2, "critic on real": -1 } : { loss: 200 / step + 5, reconstruction: 200 / step, kl: 5 });
for (let step = 2; step <= 40; step += 2) told.events.push({ step, seconds: step / 2, ...event(step) });
const grey = (value, n) => new Uint8Array(n * 64).fill(value);
const frameOf = (step) => ({ ...(window.nothing ?? {}), samples: grey(step, 16), ...(window.players ? {} : { reconstructions: grey(100 + step, 16), codes: Float32Array.from({ length: N * D }, (_, i) => step / 40 * Math.cos(i * (1 + i % D))) }),
  classes: Float32Array.of(0.5, 0.5 - 0.01 * step, 0.01 * step), readouts: new Map(window.players ? [["mean of D(x)", Float32Array.of(0.9)], ["mean of D(G(z))", Float32Array.of(step / 100)]]
    : [["KL of each dimension, nats", Float32Array.from({ length: D }, (_, k) => step / 10 + k)], ["share of active units", Float32Array.of(step / 40)]]),
  shapes: { samples: [16, 8, 8, 1], reconstructions: [16, 8, 8, 1], codes: [N, D] } });
const picture = (value) => ({ kind: "picture", shape: [4, 8, 8, 1], values: grey(value, 4) }), numbers = (...all) => ({ kind: "numbers", shape: [4, 2], values: Float32Array.from({ length: 8 }, (_, k) => all[k % 2]) });
window.road = {
  form: async () => ({ datasets: [{ id: "made", classes: ["cat", "dog", "owl"] }] }),
  news: async (name, events, frames) => { asked.push(["news", events, frames]); return { row: { ...row }, events: told.events.slice(events), frames: told.frames.filter((step) => step > frames), went_back: told.events.slice(events).find((one) => one.went_back)?.step ?? null }; },
  frame: async (name, step) => { asked.push(["frame", step]); return window.thinned?.includes(step) ? null : frameOf(step); },
  fixed: async () => ({ pictures: grey(200, 16), labels: Uint8Array.from({ length: N }, (_, k) => k % 3), shapes: { pictures: [16, 8, 8, 1] } }),
  act: async (name, what, values) => { asked.push([what, values]); row.state = { pause: "paused", stop: "stopped", resume: "running", more: "running" }[what] ?? row.state; if (what === "rate") { row.rate_factor = values.factor; told.events.push({ step: 41, seconds: 21, rate_factor: values.factor, note: `rate x${values.factor}` }); } return { ...row }; },
  hand: async (name, values) => { asked.push(["hand", values]); row.step += 1; return { step: row.step, quantities: values.players.flatMap((player) => [{ player, name: "x", ...picture(200) }, { player, name: "mean", ...numbers(0.5, -0.25) }, { player, name: "noise", ...numbers(1, 2) }, { player, name: "z", ...numbers(1.5, 1.75) },
    { player, name: "reconstruction", ...picture(90) }, { player, name: "reconstruction, after the step", ...picture(120) }]), parts: { loss: 21.5, reconstruction: 11.5, kl: 5 }, update: Object.fromEntries(values.players.map((player) => [player, { gradient: 3.5, change: 0.25, rate: 0.001 }])), after: { loss: 20.25, reconstruction: 10.5, kl: 4.75 } }; },
};
