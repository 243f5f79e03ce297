# The everyday commands; `just` alone lists them.
# Install it with `pip install rust-just` or `cargo install just`.

[private]
default:
    @{{just_executable()}} --list --unsorted

# Run the whole system on this machine: http://127.0.0.1:9000
run *arguments:
    cargo run --locked -- {{arguments}}

# Run the tests; arguments go to `cargo test`, such as `-p shared money`
test *arguments:
    cargo test --locked {{ if arguments == "" { "--workspace" } else { arguments } }}

# Check everything that a change must pass
ci:
    .ci/run

# Format the code
fmt:
    cargo fmt --all

# Check the lints
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Build the documentation of the code, private items included, and open it
docs:
    cargo doc --workspace --no-deps --document-private-items --locked --open

# Check imports, circles and lengths of files and functions
structure:
    cargo test --locked -p sandbox --test structure

# Run schedules of faults over the real functions; arguments go to the simulation
simulate *arguments:
    cargo run --locked --profile simulation -p simulation -- run {{arguments}}

# Measure starts, warm invocations and memory of the functions as deployed; Linux only
bench *arguments:
    cargo run --release --locked -p bench -- starts {{arguments}}

# Check the template as CloudFormation and SAM would
template:
    .ci/template

# Write the contract as a collection for Postman, Bruno, Insomnia and Hoppscotch to target/
collection:
    .ci/collection

# Make clients from the contract, and do the main flows with each
clients:
    .ci/clients

# Check licences, bans and sources of the dependencies, and that each is used
deny:
    .ci/supply-chain

# Check the dependencies for security advisories; fetches their database from GitHub
advisories:
    .ci/advisories

# Change the code that decides about money, one change at a time, and find what no test notices
mutants *arguments:
    .ci/mutants {{arguments}}

# Build the functions for Lambda, and their bills of materials; arm64 unless a target is named
build-release target="aarch64-unknown-linux-musl": && (sbom target)
    . .ci/tools && cargo lambda build --release --locked --target {{target}} \
        --workspace --exclude sandbox --exclude simulation --exclude cli --exclude fuzzing \
        --exclude charts --exclude bench --exclude floor --exclude work-ours

# Write a software bill of materials for each function to target/sbom
sbom target="aarch64-unknown-linux-musl":
    .ci/sbom {{target}}

# Give an event to a function of the running sandbox: just invoke auth events/auth-airtel.json
invoke function event:
    curl --silent --show-error --data-binary @{{event}} http://127.0.0.1:9000/_sandbox/invoke/{{function}}

# Write .ci/requirements.txt after a change of .ci/requirements.in; needs uv
pin-tools:
    echo '# All packages that requirements.in needs, with hashes. Written by `just pin-tools`.' \
        > .ci/requirements.new
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
        --no-emit-index-url .ci/requirements.in >> .ci/requirements.new
    mv .ci/requirements.new .ci/requirements.txt
