//! Compiles the protobuf files in Rust; no `protoc` is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=sekisho");
    let files = [
        "codes", "entry", "glance", "ledger", "exchange", "operator", "bundle",
    ]
    .map(|f| format!("sekisho/v1/{f}.proto"));
    let descriptors = protox::compile(&files, ["."])?;
    // For reflection, without the comments.
    let mut plain = protox::Compiler::new(["."])?;
    plain.include_imports(true).open_files(files)?;
    let folder = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(
        folder.join("sekisho.v1.bin"),
        plain.encode_file_descriptor_set(),
    )?;
    tonic_prost_build::configure()
        .bytes(".sekisho.v1.RaftEntry.batch")
        .client_mod_attribute(".", "#[cfg(feature = \"grpc\")]")
        .server_mod_attribute(".", "#[cfg(feature = \"grpc\")]")
        .compile_fds(descriptors)?;
    Ok(())
}
