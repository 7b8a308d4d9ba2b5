#!/bin/sh
# Takes from the worker's packages (in the folder $1) what it never loads. `make test-containers` compares what every
# environment returns in the image with what it returns with the whole packages.
set -eu
cd "$1"

# Of EnvPool, the families that are offered (OFFERED in services/worker/environments/envpool_families.py), but for
# MyoSuite, which the EnvPool of Python 3.11 does not have as it should be: the rest is not registered, and never missed.
keep() { # keep FOLDER NAME...
    folder=$1
    shift
    for name; do test -e "$folder/$name"; done
    find "$folder" -mindepth 1 -maxdepth 1 -not -name '__*' \( -type d -o -name '*_envpool.so' \) \
        $(printf ' -not -name %s' "$@") -exec rm -r {} +
}
families="box2d classic_control highway jumanji minigrid mujoco.dmc mujoco.gym mujoco.metaworld mujoco.playground \
    mujoco.robotics toy_text"
keep envpool box2d classic_control highway jumanji minigrid mujoco python toy_text
keep envpool/mujoco dmc gym metaworld playground robotics \
    mujoco_dmc_envpool.so mujoco_gym_envpool.so playground_envpool.so robotics_envpool.so
keep envpool_assets mujoco
rm -r envpool_assets_mujoco_large/mujoco/myosuite
printf 'import envpool.%s.registration\n' $families >envpool/entry.py

# Of PyBullet, which only x86-64 has: trained policies, recorded motions, a thousand random things to grasp.
if test -d pybullet_data; then
    rm -r pybullet_data/data pybullet_data/policies pybullet_data/random_urdfs
fi

# What was taken must not have been needed: without this EnvPool would only be missing.
/opt/venv/bin/python -c 'import envpool'
