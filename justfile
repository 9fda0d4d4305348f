# Short names for long commands: https://just.systems

# Simulated worlds of seeds 1 to `seeds`; what follows goes to the program (tests/simulation/README.md)
simulate seeds *more:
    cargo --config tests/simulation/seeded.toml run --release --locked -p sekisho-simulation -- --seeds {{seeds}} {{more}}
