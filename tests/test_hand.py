"""One step by hand: the chosen players alone learn, what it shows is true, and it counts."""

from dataclasses import replace

import pytest
import torch

from genmodels.datasets import DATASETS
from genmodels.models import MODELS
from genmodels.train.hand import AFTER, by_hand, can_be_made
from genmodels.train.loop import Trainer
from genmodels.train.recipe import Recipe, Stage
from genmodels.train.state import load_state, save_state

from .train_kit import small_plan

PICTURES = DATASETS["digits"].load("train")


def trainer(family: str = "vae", steps: int = 50, **recipe) -> Trainer:
    plan = small_plan(family, steps, **recipe)
    torch.manual_seed(0)
    return Trainer(MODELS[family](plan.model), PICTURES, plan.recipe)


def weights(trainer: Trainer, player: str) -> list[torch.Tensor]:
    return [one.detach().clone() for one in trainer.model.players()[player]]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("player, other", [("critic", "generator"), ("generator", "critic")])
def test_only_the_chosen_player_learns(player, other):
    game = trainer("gan")
    before = {one: weights(game, one) for one in (player, other)}
    hand = by_hand(game, [player])
    assert same(weights(game, other), before[other]) and not same(weights(game, player), before[player])
    assert list(hand.update) == [player] and set(hand.parts) == set(hand.after) and all(name.startswith(f"{player} ") for name in hand.parts)
    assert {one for one, *_ in hand.quantities} == {player}


def test_all_players_learn_where_none_is_named():
    game = trainer("gan")
    before = {one: weights(game, one) for one in ("critic", "generator")}
    assert list(by_hand(game).update) == ["critic", "generator"]
    assert not any(same(weights(game, one), before[one]) for one in before)


def test_a_step_by_hand_with_the_whole_batch_is_the_step_that_would_have_come():
    by_itself, held = trainer(), trainer()
    next(iter(by_itself))
    hand = by_hand(held, few=50)
    assert held.step == by_itself.step == hand.step == 1
    torch.testing.assert_close(held.model.state_dict(), by_itself.model.state_dict(), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(held.average.state_dict(), by_itself.average.state_dict(), atol=1e-6, rtol=1e-5)


def test_the_loss_after_is_that_of_the_same_pictures_and_noise_with_the_new_weights():
    held = trainer()
    hand = by_hand(held, rate=1e-9)
    assert hand.after == pytest.approx(hand.parts, rel=1e-4)  # a step of no length changes nothing, so the noise was the same
    assert by_hand(held, rate=1e-2).after["loss"] < by_hand(held, rate=1e-9).parts["loss"] * 1.5


def test_what_is_made_comes_again_with_the_new_weights_where_the_step_has_changed_it():
    held = trainer()
    for rate, far in ((1e-9, False), (0.05, True)):
        found = {name: value for _, name, value in by_hand(held, rate=rate).quantities}
        assert list(found)[-1] == "reconstruction" + AFTER and "x" + AFTER not in found
        assert torch.allclose(found["reconstruction"], found["reconstruction" + AFTER], atol=1e-4) != far


def test_lengths_are_those_of_gradient_and_change():
    held = trainer()
    before = weights(held, "model")
    update = by_hand(held).update["model"]
    moved = torch.cat([(a - b).flatten() for a, b in zip(weights(held, "model"), before, strict=True)]).norm()
    gradient = torch.cat([one.grad.flatten() for one in held.model.parameters()]).norm()
    assert update["change"] == pytest.approx(float(moved), rel=1e-4) and update["gradient"] == pytest.approx(float(gradient), rel=1e-4)
    assert update["rate"] == pytest.approx(1e-3 / 50)  # the first of the warming steps


def test_looking_on_changes_neither_running_means_nor_the_noise_that_follows():
    plain, looked = trainer("gan"), trainer("gan")
    next(iter(plain))
    by_hand(looked, few=50)
    for name, buffer in plain.model.named_buffers():
        torch.testing.assert_close(dict(looked.model.named_buffers())[name], buffer, atol=1e-6, rtol=1e-5)


def test_steps_by_hand_and_by_itself_take_turns_and_resume(tmp_path):
    first, second = trainer("gan"), trainer("gan")
    by_hand(first, ["critic"])
    save_state(tmp_path / "state", first)
    assert load_state(tmp_path / "state", second) and second.step == 1
    a, b = next(iter(first)), next(iter(second))
    assert a.step == b.step == 2 and {name: float(value) for name, value in a.losses.items()} == pytest.approx(
        {name: float(value) for name, value in b.losses.items()}, rel=1e-4)


@pytest.mark.parametrize("players, step, sentence", [(["critic"], 0, "'critic' does not learn in this stage; model can"), ([], 50, "is done")])
def test_a_step_that_cannot_be_gets_a_sentence(players, step, sentence):
    held = trainer()
    held.step = step
    with pytest.raises(ValueError, match=sentence):
        by_hand(held, players)


def test_a_stage_that_solves_in_one_go_has_no_step_to_make_by_hand():
    plan = small_plan("autoencoder", model={"net": "linear"})
    recipe = replace(plan.recipe, stages=(Stage(steps=1, method="closed form"),))
    with pytest.raises(ValueError, match="in one go"):
        by_hand(Trainer(MODELS["autoencoder"](plan.model), PICTURES, recipe))
    told = {"stages": [{"steps": 1, "method": "closed form"}, {"steps": 5, "method": "adam"}]}
    assert [can_be_made(told, step) for step in (0, 1, 6)] == [False, True, True] and not can_be_made({"stages": told["stages"][:1]}, 1)


def test_the_last_step_of_a_stage_may_be_made_by_hand():
    recipe = Recipe((Stage(steps=1), Stage(steps=2)), batch=50, precision="float32")
    held = Trainer(trainer().model, PICTURES, recipe)
    by_hand(held)
    assert same(list(held.model.parameters()), list(held.average.parameters()))  # the next stage builds on the averaged weights
    assert [progress.step for progress in held] == [2, 3]
