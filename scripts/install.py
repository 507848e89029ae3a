"""Makes .venv in the checkout and installs requirement files and dependency groups into it."""

# Written so that an old Python can still say that it is too old.
import argparse
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OLDEST, TOO_NEW = (3, 11), (3, 14)  # TensorFlow has no release for 3.14
CPU_TORCH = "https://download.pytorch.org/whl/cpu"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venv", default=os.path.join(ROOT, ".venv"), help="the folder")
    parser.add_argument("-r", "--requirements", action="append", default=[], help="a requirements file")
    parser.add_argument("--group", action="append", default=[], help="a dependency group of pyproject.toml")
    args = parser.parse_args()
    if not OLDEST <= sys.version_info[:2] < TOO_NEW:
        use_another_python()
    python = make_venv(args.venv)
    packages = [package for group in args.group for package in group_packages(group)]
    for path in args.requirements:
        packages += ["-r", path]
        if sys.platform == "linux":
            install_cpu_torch(python, path)
    install(python, packages, os.path.join(args.venv, "pip.log"), " ".join(args.group + args.requirements))


def use_another_python():
    """Starts over with a Python that fits, or ends with one line."""
    for name in ("python3.13", "python3.12", "python3.11"):
        path = shutil.which(name)
        if path and subprocess.call([path, "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
            os.execv(path, [path, *sys.argv])
    version = ".".join(map(str, sys.version_info[:3]))
    sys.exit(
        "Python %s does not fit: 3.11, 3.12 or 3.13 is needed. Install one, or name it: make PYTHON=/path/to/python3.12" % version
    )


def make_venv(folder):
    """The path of a virtual environment's Python, made where it is missing. The checkout is on its path."""
    python = os.path.join(folder, "bin", "python")
    if subprocess.call([python, "-c", "import pip"], stderr=subprocess.DEVNULL) if os.path.exists(python) else True:
        print("making %s with Python %s" % (os.path.relpath(folder), sys.version.split()[0]))
        made = subprocess.run([sys.executable, "-m", "venv", "--clear", folder], capture_output=True, text=True)
        if made.returncode:
            reason = "install python3-venv" if "ensurepip" in made.stdout + made.stderr else made.stderr.strip()[-300:]
            sys.exit("the virtual environment could not be made: " + reason)
        # As an editable install would do: scripts find `shared` and each other from anywhere.
        site = subprocess.check_output([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True)
        with open(os.path.join(site.strip(), "checkout.pth"), "w") as pth:
            pth.write(os.path.relpath(ROOT, site.strip()) + "\n")
    return python


def group_packages(group):
    """The requirements of a dependency group (PEP 735)."""
    import tomllib

    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        return tomllib.load(file)["dependency-groups"][group]


def install_cpu_torch(python, path):
    """Installs the torch that a requirements file pins, as a CPU build; pip then finds it there.

    A step of its own, because PyPI's torch for Linux is a CUDA build of several GB, and because an index more
    would be asked for each of the other packages too.
    """
    with open(path) as file:
        pins = [line.split()[0] for line in file if line.startswith("torch==")]
    asked = "import importlib.metadata as m; print('torch==' + m.version('torch').split('+')[0])"
    found = subprocess.run([python, "-c", asked], capture_output=True, text=True)
    if not pins or found.stdout.strip() == pins[0]:
        return
    print("installing %s, the CPU build" % pins[0], flush=True)
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--retries", "0", "--timeout", "20", "--no-deps"]
    command += ["--extra-index-url", CPU_TORCH, pins[0] + "+cpu"]
    if subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        print("%s has no such build, or cannot be reached: pip takes its own, which may be large" % CPU_TORCH, flush=True)


def install(python, packages, log, what):
    """Runs pip, with what it is doing on one line; the whole of its output is in the log."""
    print("installing %s" % what, flush=True)
    # Few retries: without a network, pip would otherwise try for minutes before it says so.
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--retries", "1", *packages]
    with open(log, "w") as file, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        assert pip.stdout
        for line in pip.stdout:
            file.write(line)
            if sys.stdout.isatty() and line.startswith(("Collecting", "Downloading", "  Downloading", "Installing")):
                print("\r\033[K  " + line.strip()[:100], end="", flush=True)
    if sys.stdout.isatty():
        print("\r\033[K", end="")
    if pip.returncode:
        with open(log) as file:
            lines = file.read().splitlines()
        if any("NewConnectionError" in line or "Connection to" in line or "Max retries" in line for line in lines):
            sys.exit("pip reaches no package index: check the network and run the same command again (details: %s)" % log)
        reason = next((line for line in lines if line.startswith("ERROR")), "see the log")
        sys.exit("pip failed: %s (details: %s)" % (reason, log))


if __name__ == "__main__":
    main()
