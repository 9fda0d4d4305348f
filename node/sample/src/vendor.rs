//! How the (invented) makers of hospital systems differ, as data. Every row is valid for a reader that
//! follows the guideline and its published samples; what is broken on purpose is in `defect`.
//!
//! The differences are those observed in public samples: clinical-formats §1.4.

use serde::{Deserialize, Serialize};

/// The maker of a facility's system. The makers are invented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vendor {
    /// Writes as the guideline's samples do: CR, milliseconds, `^^^^PI`.
    Asagi,
    /// LF, two digits of a second, shifted name components, receptions as ADT^A01.
    Botan,
    /// CRLF, no fraction, combined physician names, department in PV1-8 of physiology messages.
    Chidori,
    /// CR, four digits of a second, no hyphen in postal codes, SN written as ST.
    Donguri,
    /// LF, `.0000`, order numbers for movements, `""` for values that were erased.
    Enju,
    /// CR, no final terminator, 13-digit imaging orders, 15-character JLAC10.
    Fuyo,
}

impl Vendor {
    /// Every maker.
    pub const ALL: [Self; 6] = [
        Self::Asagi,
        Self::Botan,
        Self::Chidori,
        Self::Donguri,
        Self::Enju,
        Self::Fuyo,
    ];

    /// Its name, as JSON and the command line have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asagi => "asagi",
            Self::Botan => "botan",
            Self::Chidori => "chidori",
            Self::Donguri => "donguri",
            Self::Enju => "enju",
            Self::Fuyo => "fuyo",
        }
    }

    /// The maker of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|vendor| vendor.name() == name)
    }

    pub(crate) fn quirks(self) -> &'static Quirks {
        match self {
            Self::Asagi => &ASAGI,
            Self::Botan => &BOTAN,
            Self::Chidori => &CHIDORI,
            Self::Donguri => &DONGURI,
            Self::Enju => &ENJU,
            Self::Fuyo => &FUYO,
        }
    }
}

/// The fraction of a second in MSH-7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fraction {
    None,
    Two,
    Three,
    Four,
    FourZeros,
}

/// How a street number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreetNumber {
    /// １−２−３
    FullWidth,
    /// 1-2-3
    Ascii,
    /// 1丁目2番3号
    Chome,
}

/// Everything in which makers differ.
#[derive(Debug)]
pub(crate) struct Quirks {
    pub(crate) product: &'static str,
    pub(crate) terminator: &'static str,
    /// Whether the last segment is terminated too.
    pub(crate) final_terminator: bool,
    /// MSH-18.
    pub(crate) character_set: &'static str,
    /// MSH-20.
    pub(crate) character_handling: &'static str,
    /// MSH-21.
    pub(crate) profile: &'static str,
    pub(crate) fraction: Fraction,
    /// Whether PID-3 ends with `^^^^PI`.
    pub(crate) id_type: bool,
    /// Whether PV1-8 instead of PV1-10 holds the department in OMG-03 and OMG-13.
    pub(crate) physiology_department_in_pv1_8: bool,
    /// Whether a physician's name is one component.
    pub(crate) names_combined: bool,
    /// Whether a kana repetition follows a physician's name.
    pub(crate) physician_kana: bool,
    /// Whether the ideographic patient name lacks one empty component (type code in XPN-6, not XPN-7).
    pub(crate) ideographic_name_short: bool,
    pub(crate) postal_hyphen: bool,
    pub(crate) street_number: StreetNumber,
    /// Whether limits (`< 0.5`) are ST with spaces instead of SN.
    pub(crate) structured_as_text: bool,
    /// Whether an absent telephone number is `""` instead of empty.
    pub(crate) explicit_null: bool,
    /// Whether receptions (ADT-12) carry ADT^A01 instead of ADT^A04.
    pub(crate) reception_as_a01: bool,
    /// Whether movements have an order number of their own instead of 15 nines.
    pub(crate) movements_numbered: bool,
    /// Digits of the order number of OMG kinds.
    pub(crate) imaging_order_digits: usize,
    /// Characters of a JLAC10 code: 17, or 15 without the result part.
    pub(crate) jlac_chars: usize,
    /// Coding system of departments in ORC-17.
    pub(crate) department_system: &'static str,
    /// Whether meals of a stay come out together at discharge.
    pub(crate) meals_at_discharge: bool,
    /// Whether one PPR-01 file holds all diagnoses of a patient.
    pub(crate) diagnoses_together: bool,
    /// Whether notes use the `\.br\` escape.
    pub(crate) note_breaks: bool,
    /// Whether characters outside JIS X 0208 are replaced by the common form (髙 by 高) instead of ■.
    pub(crate) variants_folded: bool,
    /// Whether an insurer number lost its leading zeros.
    pub(crate) insurer_zero_lost: bool,
}

const PROFILE_120: &str = "SS-MIX2_1.20^SS-MIX2^1.2.392.200250.2.1.100.1.2.120^ISO";
const PROFILE_120H: &str = "SS-MIX2_1.20_h^SS-MIX2^1.2.392.200250.2.1.100.1.2.120^ISO";

const ASAGI: Quirks = Quirks {
    product: "ASAGI",
    terminator: "\r",
    final_terminator: true,
    character_set: "~ISO IR87",
    character_handling: "ISO 2022-1994",
    profile: PROFILE_120,
    fraction: Fraction::Three,
    id_type: true,
    physiology_department_in_pv1_8: false,
    names_combined: false,
    physician_kana: true,
    ideographic_name_short: false,
    postal_hyphen: true,
    street_number: StreetNumber::FullWidth,
    structured_as_text: false,
    explicit_null: false,
    reception_as_a01: false,
    movements_numbered: false,
    imaging_order_digits: 15,
    jlac_chars: 17,
    department_system: "99XY1",
    meals_at_discharge: false,
    diagnoses_together: false,
    note_breaks: false,
    variants_folded: false,
    insurer_zero_lost: false,
};

const BOTAN: Quirks = Quirks {
    product: "BOTAN",
    terminator: "\n",
    profile: PROFILE_120H,
    fraction: Fraction::Two,
    id_type: false,
    physician_kana: false,
    ideographic_name_short: true,
    street_number: StreetNumber::Chome,
    reception_as_a01: true,
    department_system: "HL70069",
    variants_folded: true,
    ..ASAGI
};

const CHIDORI: Quirks = Quirks {
    product: "CHIDORI",
    terminator: "\r\n",
    character_set: "~ISOIR87",
    character_handling: "ISO2022-1994",
    fraction: Fraction::None,
    physiology_department_in_pv1_8: true,
    names_combined: true,
    physician_kana: false,
    street_number: StreetNumber::Ascii,
    meals_at_discharge: true,
    note_breaks: true,
    ..ASAGI
};

const DONGURI: Quirks = Quirks {
    product: "DONGURI",
    character_handling: "ISO2022-1994",
    fraction: Fraction::Four,
    postal_hyphen: false,
    structured_as_text: true,
    diagnoses_together: true,
    insurer_zero_lost: true,
    ..ASAGI
};

const ENJU: Quirks = Quirks {
    product: "ENJU",
    terminator: "\n",
    character_set: "~ISOIR87",
    profile: PROFILE_120H,
    fraction: Fraction::FourZeros,
    id_type: false,
    explicit_null: true,
    movements_numbered: true,
    department_system: "HL70069",
    street_number: StreetNumber::Ascii,
    diagnoses_together: true,
    ..ASAGI
};

const FUYO: Quirks = Quirks {
    product: "FUYO",
    final_terminator: false,
    profile: "",
    postal_hyphen: false,
    physician_kana: false,
    imaging_order_digits: 13,
    jlac_chars: 15,
    meals_at_discharge: true,
    note_breaks: true,
    variants_folded: true,
    ..ASAGI
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_json() {
        for vendor in Vendor::ALL {
            let json = serde_json::to_value(vendor).map(|v| v.as_str().map(str::to_owned));
            assert_eq!(json.ok().flatten().as_deref(), Some(vendor.name()));
            assert_eq!(Vendor::named(vendor.name()), Some(vendor));
        }
        assert_eq!(Vendor::named("Asagi"), None);
    }
}
