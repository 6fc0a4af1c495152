"""Where things are: the project's own directories, nothing outside them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ROOT / ".local"
BUILD = ROOT / "build"
VENV = ROOT / ".venv"
EMULATOR_VENV = LOCAL / "emulator"
EMULATOR_STATE = LOCAL / "state"
ENV_FILE = LOCAL / "once.env"
FUNCTIONS_TOML = ROOT / "functions.toml"
STAGES_TOML = ROOT / "infra" / "stages.toml"
