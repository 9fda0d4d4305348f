//! Protocol buffers of sekisho.v1 and their conversions to and from the domain.
