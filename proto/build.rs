//! Compiles the protobuf files in Rust; no `protoc` is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=sekisho");
    let files = ["codes", "entry", "ledger", "exchange", "operator", "bundle"]
        .map(|f| format!("sekisho/v1/{f}.proto"));
    let descriptors = protox::compile(files, ["."])?;
    tonic_prost_build::configure()
        .bytes(".sekisho.v1.RaftEntry.batch")
        .client_mod_attribute(".", "#[cfg(feature = \"grpc\")]")
        .server_mod_attribute(".", "#[cfg(feature = \"grpc\")]")
        .compile_fds(descriptors)?;
    Ok(())
}
