//! `grpc.reflection.v1`: which services and messages there are, for whoever asks by hand.

use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};

/// Longest question to reflection: a symbol's or a file's name.
const REFLECTION_BYTES_MAX: usize = 4 * 1024;

/// Server reflection of everything mounted here, to members like the rest.
pub(super) fn service()
-> Result<ServerReflectionServer<impl ServerReflection>, tonic_reflection::server::Error> {
    let service = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(sekisho_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    Ok(service.max_decoding_message_size(REFLECTION_BYTES_MAX))
}
