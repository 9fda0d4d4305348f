//! A way of consenting as people write it on a command line: `each-facility`, or `all-facilities+each-facility` where
//! disclosing and viewing are apart (`-`: no such act); `:card-presented` behind it where the way says how.

use crate::mapping::Way;
use sekisho_domain::{DomainError, Scope};
use std::fmt;
use std::str::FromStr;

impl FromStr for Way {
    type Err = DomainError;
    fn from_str(text: &str) -> Result<Self, DomainError> {
        let (reach, capture) = match text.split_once(':') {
            Some((reach, capture)) => (reach, Some(capture.parse()?)),
            None => (text, None),
        };
        let scope = |text: &str| match text {
            "-" => Ok(None),
            text => text.parse().map(Some),
        };
        let (disclosing, viewing) = reach.split_once('+').unwrap_or((reach, reach));
        Ok(Self {
            disclosing: scope(disclosing)?,
            viewing: scope(viewing)?,
            capture,
        })
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = |scope: Option<Scope>| scope.map_or("-", Scope::code);
        f.write_str(code(self.disclosing))?;
        if self.disclosing != self.viewing {
            write!(f, "+{}", code(self.viewing))?;
        }
        match self.capture {
            Some(capture) => write!(f, ":{capture}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::built_in;
    use crate::profile::NetworkProfile;

    #[test]
    fn every_offered_way_is_written_and_chosen() {
        let facts = built_in().unwrap();
        for of in &facts.networks {
            for way in NetworkProfile::of(of).offered {
                assert_eq!(way.to_string().parse::<Way>().unwrap(), way);
                let chosen = NetworkProfile::choosing(of, way).unwrap();
                assert!(chosen.ways.value.is_some(), "{}", of.id);
            }
        }
        let oshidori = facts.network("おしどりネット").unwrap();
        let refused = NetworkProfile::choosing(oshidori, "each-facility".parse().unwrap());
        let offered: Vec<_> = refused.unwrap_err().iter().map(Way::to_string).collect();
        assert_eq!(
            offered,
            ["all-facilities:notice-with-opt-out", "listed-facilities"]
        );
        assert!(
            "anywhere"
                .parse::<Way>()
                .unwrap_err()
                .to_string()
                .contains("\"anywhere\" is not a scope")
        );
    }
}
