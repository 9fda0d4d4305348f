//! Texts that people read and addresses that machines dial: what they may hold.

use crate::{DomainError, Entry};

/// Checks the name of a network or facility: 1 to [`Entry::NAME_CHARS_MAX`] characters, none of them a control
/// character or one that turns the direction of what follows (Unicode `Bidi_Control`, UAX #9), which could make
/// a name look like another's; no white space at either end.
///
/// # Errors
/// [`DomainError::Invalid`].
pub fn check_name(text: &str) -> Result<(), DomainError> {
    let length = 1..=Entry::NAME_CHARS_MAX;
    let odd = |c: char| c.is_control() || is_bidi_control(c);
    if !length.contains(&text.chars().count()) || text.chars().any(odd) || text.trim() != text {
        return Err(DomainError::Invalid(
            "a name must be 1 to 100 characters, without control characters or spaces around it",
        ));
    }
    Ok(())
}

fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Checks the address of a node: `host:port`, at most [`Entry::ENDPOINT_BYTES_MAX`] bytes; the host a name, an
/// IPv4 address or an IPv6 address in brackets, the port 1 to 65535 in plain decimal.
///
/// # Errors
/// [`DomainError::Invalid`].
pub fn check_endpoint(text: &str) -> Result<(), DomainError> {
    let ok = text.len() <= Entry::ENDPOINT_BYTES_MAX
        && text
            .rsplit_once(':')
            .is_some_and(|(host, port)| is_host(host) && is_port(port));
    if ok {
        Ok(())
    } else {
        Err(DomainError::Invalid(
            "an endpoint must be host:port, at most 255 bytes",
        ))
    }
}

fn is_host(host: &str) -> bool {
    let v6 = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    match v6 {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
            !host.is_empty() && host.bytes().all(plain)
        }
    }
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|b| b.is_ascii_digit())
        && !port.starts_with('0')
        && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_they_look_like() {
        let longest = "関".repeat(Entry::NAME_CHARS_MAX);
        for name in ["a", "久留米 第一病院", "O'Brien & Söhne (分院)", &longest] {
            assert_eq!(check_name(name), Ok(()), "{name:?}");
        }
        let long = format!("{longest}所");
        let bad = [
            "",
            " ",
            "病院 ",
            "\u{3000}病院",
            "a\nb",
            "a\0",
            "a\u{7f}",
            "a\u{85}b",
            "a\u{202e}b",
            "\u{2066}a",
            "a\u{200f}",
            &long,
        ];
        for name in bad {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn an_endpoint_can_be_dialled() {
        let longest = format!("{}:1", "a".repeat(Entry::ENDPOINT_BYTES_MAX - 2));
        let good = [
            "a:1",
            "127.0.0.1:65535",
            "node-1.kurume.example:7410",
            "[::1]:80",
            "[2001:db8::1]:7410",
            &longest,
        ];
        for endpoint in good {
            assert_eq!(check_endpoint(endpoint), Ok(()), "{endpoint:?}");
        }
        let long = format!("a{longest}");
        let bad = [
            "", ":", "a", "a:", ":1", "a:0", "a:00", "a:080", "a:+80", "a:-1", "a:65536", "a: 80",
            "a b:1", "a\0:1", "a/b:1", "u@a:1", "a:b:1", "::1:80", "[]:1", "[a]:1", "[::1:1",
            "関:1", "a:８０", &long,
        ];
        for endpoint in bad {
            assert!(check_endpoint(endpoint).is_err(), "{endpoint:?}");
        }
    }
}
