"""The instant components: each brings one JavaScript module that draws and answers within a frame."""
