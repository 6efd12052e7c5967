"""How the page looks to Gradio: its theme in our colours, and our style sheets."""

from pathlib import Path

import gradio as gr

ASSETS = Path(__file__).parents[2] / "assets"
SHEETS = ("look.css", "interpolate.css", "attributes.css", "workshop.css", "places.css", "yourimage.css", "ownresults.css",
          "models.css", "space.css", "classroom.css", "denoise.css", "clean.css", "noiselatent.css", "train.css", "trainrun.css")


def look() -> dict:
    """The arguments of `launch` that decide the look. The fonts are the system's: nothing is fetched."""
    system = ["system-ui", "Segoe UI", "Roboto", "sans-serif"]
    theme = gr.themes.Base(primary_hue="indigo", neutral_hue="stone", font=system, font_mono=["ui-monospace", "monospace"]).set(
        body_background_fill="#fbfaf8", body_background_fill_dark="#121116", block_border_width="0px", block_shadow="none",
    )
    css = "\n".join((ASSETS / "css" / name).read_text(encoding="utf-8") for name in SHEETS)
    return {"theme": theme, "css": css, "favicon_path": ASSETS / "icons" / "icon.svg"}
