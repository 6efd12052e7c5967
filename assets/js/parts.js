// What a lesson may take away: parts of the page that a link hides, and choices that it locks, each with its words and its place.

/** Parts by the name that `hide=` gives them: what they are, and the elements that they are made of. */
export const PARTS = {
  picker: ["Models and data", ".lp-picker, .lp-sets"], about: ["Facts about the model", ".lp-about"], road: ["Where pictures are computed", ".lp-road, .lp-where"],
  tabs: ["Tabs", ".tab-wrapper"], plane: ["Choice of the map", ".lp-planes, .lp-parts"], layers: ["What the map shows", ".lp-explore .lp-layers, .lp-legend"],
  second: ["A model beside it", ".lp-beside"], verdict: ["What the classifier sees", ".lp-seen, .lp-aloud, .lp-verdict, .lp-chance, .lp-purity"], gallery: ["Places worth seeing", ".lp-gallery"],
  making: ["How the picture is made", ".lp-makingcard"], sliders: ["Sliders", ".lp-slidersbox"], random: ["Random points and seeds", ".lp-randomrow"],
  undo: ["Reset and undo", ".lp-undo"], classes: ["The style in all classes", ".lp-classcard"], pins: ["Pins", ".lp-pinsbox, .lp-pinthis"], save: ["Links and files", ".lp-save"],
  near: ["Nearest codes", ".lp-nearcard"], stops: ["Ends of the walk", ".lp-stopscard:not(:has(> .lp-empty:not([hidden])))"], way: ["Way and view of the walk", ".lp-way"],
  rows: ["Adding and removing rows", ".lp-addrow, .lp-walkdo"], curves: ["Curves and numbers of the walk", ".lp-curvebox, .lp-walksum, .lp-keys, .lp-cursor b"], pushes: ["Rows of directions", ".lp-pushes"],
  presets: ["Presets", ".lp-presets"], keeps: ["Locks on directions", ".lp-keep"], start: ["Comparison with the start", ".lp-peek, .lp-beforebutton"],
  along: ["The strip along a direction, and its animation", ".lp-alongcard"], workshop: ["The workshop of directions", ".lp-workshop"],
  lectures: ["Trainings of the lectures", ".lp-trainpresets"], trainform: ["The form that trains", ".lp-trainform"], trainall: ["All settings of a training", ".lp-trainall"],
  trainings: ["The list of trainings", ".lp-trainlistcard"], trained: ["What can be done with a training", ".lp-owned"], help: ["Hints", ".lp-help, .lp-fact:not([role=status])"],
  // Denoise: all of its parts, then Clean, Forward, Reverse, Noise as a latent, Repair, What it learned
  parts: ["The bar of parts of Denoise", ".lp-noiseparts"], subject: ["The picture that is worked on", ".lp-subject"], told: ["What a model of many steps is told", ".lp-toldbox, .lp-toldcard, .lp-toldmenu"],
  noises: ["Kind and level of the noise", ".lp-noisecard"], cleaners: ["What cleans, side by side", ".lp-cleancard"], testcurve: ["The curve of all test pictures", ".lp-cleanplotcard"],
  law: ["The equation of the way to noise", ".lp-lawcard"], plots: ["Plots of the schedules", ".lp-plots"], moments: ["Eight moments of the way to noise", ".lp-moments"], chain: ["The Markov chain", ".lp-chain"],
  seeds: ["Several seeds at once", ".lp-seedcount"], manner: ["Sampler, steps and guidance", ".lp-manner"], versus: ["Other settings beside it", ".lp-versusrow, .lp-versusbox"],
  predicted: ["Predicted picture and noise", '.lp-trackrow:is([data-row="x0"], [data-row="noise"]), .lp-trackhint'], opened: ["The opened step", ".lp-stepcard, .lp-openstep"],
  trip: ["To its noise, and back", ".lp-tripcard"], partway: ["Only part of the way", ".lp-partwaycard"], noisewalk: ["The walk between two noises", ".lp-noisewalkcard"],
  damage: ["The damage", ".lp-damage"], answers: ["Three answers", ".lp-threeanswers"], simple: ["What simpler methods answer", ".lp-simpleanswers"],
  coarse: ["From coarse to fine", ".lp-coarsecard"], loss: ["How hard each moment is", ".lp-hardcard"], distances: ["How many steps a picture needs", ".lp-distancecard"],
};

/** Choices by the name that they have in an address, which is the name that `lock=` gives them: what they are, and what changes them. */
export const LOCKS = {
  model: ["The model", ".lp-picker, .lp-sets"], point: ["The point", ".lp-mapcard, .lp-slidersbox, .lp-randomrow, .lp-reset, .lp-near, .lp-gallery .lp-strip"],
  label: ["The class that the model is told", '.lp-classes, .lp-toldmenu, .lp-toldbox[data-says="label"]'], plane: ["The choice of the map", ".lp-planes, .lp-parts"], layers: ["What the map shows", ".lp-explore .lp-layers"],
  second: ["The model beside it", ".lp-compare"], hand: ["What both hands share", ".lp-share"], pins: ["The choice of pins", ".lp-pinthis, .lp-pin .lp-quiet"],
  truncation: ["The truncation", ".lp-truncation"], steps: ["The number of steps", ".lp-steps"], sampler: ["The sampler", ".lp-sampler"], guidance: ["The guidance", ".lp-guidance"],
  random: ["What random points are drawn from", ".lp-kinds"], ends: ["The choice of the ends", ".lp-stopscard"], rows: ["The choice of rows", ".lp-addrow, .lp-removerow"],
  walk: ["The way of the walk", ".lp-walkway"], at: ["The place on the walk", ".lp-sliderbox, .lp-track, .lp-slide .lp-row, .lp-noisewalk"], view: ["The view of the walk", ".lp-interpolate > .lp-bar .lp-layers"],
  push: ["How far a picture is pushed", ".lp-pushslider, .lp-step, .lp-presets, .lp-alongcard .lp-strip, .lp-animate"], keep: ["The choice of what is kept", ".lp-keep"],
  beside: ["The choice of models beside it", ".lp-besidebox"], along: ["The choice of the direction", ".lp-pushname"], before: ["The view of the start", ".lp-beforebutton"],
  learn: ["What is learned from", ".lp-trainsets, .lp-bring"], kin: ["The family that learns", "#lp-trainfamily"], size: ["The size of what learns", ".lp-trainsize"],
  knobs: ["The settings of a training", ".lp-knobs, .lp-trainreset"], tab: ["The tab", ".tab-wrapper"], road: ["The place where pictures are computed", ".lp-roadbox"],
  part: ["The part of Denoise", ".lp-noiseparts"], subject: ["The picture that is worked on", ".lp-subject"], corrupt: ["The kind of noise", ".lp-noisekinds"], level: ["The level of the noise", ".lp-level, .lp-cleanplot"],
  noise: ["The draw of the noise", ".lp-newnoise"], plain: ["The plain autoencoder", ".lp-plainchoice"], grows: ["The schedule of the chain", ".lp-kinds2"],
  t: ["The moment", ".lp-forwardcard > .lp-momentline, .lp-moments, .lp-plots, .lp-chainsteps, .lp-learnedrow, .lp-learnedtop .lp-noiseslide, .lp-curvespair"],
  seeds: ["The number of seeds", ".lp-seedcount"], tell: ["What the model is told", '.lp-toldbox[data-says="tell"]'], eta: ["The share of fresh noise", ".lp-eta"], versus: ["What stands beside it", ".lp-versusrow, .lp-versusbox"],
  moment: ["The place on the way", ".lp-playline > input, .lp-playline > .lp-row:first-child, .lp-tracktiles"], opened: ["The view of a step", ".lp-openstep, .lp-stepclose"],
  trip: ["The number of steps to the noise", ".lp-tripsteps"], strength: ["The strength", ".lp-howfar"], from: ["The start of the walk", ".lp-walkfrom"], to: ["The end of the walk", ".lp-walkto"],
  damage: ["The kind of damage", ".lp-damageways"], mask: ["What is hidden", ".lp-repaircanvas, .lp-damage .lp-brushsize, .lp-damage .lp-quiet"], repeats: ["The number of repeats", ".lp-repeats"],
};

/** Names as a person lists them: a, b and c. @param {string[]} names */
export const inWords = (names) => names.join(", ").replace(/, ([^,]*)$/, " and $1");

/** Why a choice cannot be changed. @param {keyof LOCKS} name */
export const whyLocked = (name) => `${LOCKS[name][0]} is fixed in this lesson.`;
