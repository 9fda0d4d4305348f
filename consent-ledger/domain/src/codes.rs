//! Closed code lists. Each value has a number (wire and disk), a code (configuration, JSON, command line)
//! and a Japanese and an English name (people). A value outside its list is an error, never a default.

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident: $what:literal { $($(#[$vdoc:meta])* $variant:ident = $number:literal, $code:literal, $ja:literal, $en:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$vdoc])* #[doc = $en] $variant = $number,)+
        }

        impl $name {
            /// Every value, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The number on the wire and on disk.
            pub fn number(self) -> u8 {
                self as u8
            }
            /// The value of a number.
            ///
            /// # Errors
            /// [`$crate::DomainError::Number`] for a number outside the list.
            pub fn from_number(number: i64) -> Result<Self, $crate::DomainError> {
                match number {
                    $($number => Ok(Self::$variant),)+
                    _ => Err($crate::DomainError::Number { what: $what, number }),
                }
            }
            /// The code in configuration, JSON and on the command line.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
            /// The name in Japanese.
            pub fn ja(self) -> &'static str {
                match self { $(Self::$variant => $ja,)+ }
            }
            /// The name in English.
            pub fn en(self) -> &'static str {
                match self { $(Self::$variant => $en,)+ }
            }
        }
        impl std::str::FromStr for $name {
            type Err = $crate::DomainError;
            fn from_str(text: &str) -> Result<Self, $crate::DomainError> {
                Self::ALL.iter().copied().find(|v| v.code() == text).ok_or_else(|| $crate::DomainError::Code {
                    what: $what,
                    value: text.chars().take(80).collect(),
                    allowed: Self::ALL.iter().map(|v| v.code()).collect::<Vec<_>>().join(", "),
                })
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.code())
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                if s.is_human_readable() { s.serialize_str(self.code()) } else { s.serialize_u8(self.number()) }
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                if d.is_human_readable() {
                    <String as serde::Deserialize>::deserialize(d)?.parse().map_err(serde::de::Error::custom)
                } else {
                    Self::from_number(<u8 as serde::Deserialize>::deserialize(d)?.into()).map_err(serde::de::Error::custom)
                }
            }
        }
    };
}
pub(crate) use codes;

codes! {
    /// The kind of information a document holds; agreements, consents and reservations select by it.
    Category: "category" {
        Demographics = 1, "demographics", "患者基本情報", "demographics";
        Diagnosis = 2, "diagnosis", "病名", "diagnosis";
        Allergy = 3, "allergy", "アレルギー", "allergy";
        Infection = 4, "infection", "感染症", "infection";
        Prescription = 5, "prescription", "処方", "prescription";
        Dispensing = 6, "dispensing", "調剤", "dispensing";
        Injection = 7, "injection", "注射", "injection";
        LabResult = 8, "lab-result", "検体検査結果", "laboratory result";
        Physiology = 9, "physiology", "生理検査", "physiology";
        Imaging = 10, "imaging", "画像", "imaging";
        ImagingReport = 11, "imaging-report", "画像診断報告", "imaging report";
        Endoscopy = 12, "endoscopy", "内視鏡", "endoscopy";
        Operation = 13, "operation", "手術", "operation";
        ProgressNote = 14, "progress-note", "経過記録", "progress note";
        NursingNote = 15, "nursing-note", "看護記録", "nursing note";
        Meal = 16, "meal", "食事", "meal";
        DischargeSummary = 17, "discharge-summary", "退院時サマリー", "discharge summary";
        Referral = 18, "referral", "診療情報提供書", "referral";
        CheckUp = 19, "check-up", "健診", "health check-up";
        Vaccination = 20, "vaccination", "予防接種", "vaccination";
        Vitals = 21, "vitals", "バイタル・ADL", "vital signs and ADL";
        CarePlan = 22, "care-plan", "ケアプラン", "care plan";
        OtherDocument = 23, "other-document", "その他の文書", "other document";
        /// Visits, admissions, moves and discharges (SS-MIX2 ADT-12 to ADT-52).
        Encounter = 24, "encounter", "受診・入退院", "encounter (visit, admission, discharge)";
    }
}

codes! {
    /// Why somebody wants to see a document: HL7 v3 PurposeOfUse codes.
    Purpose: "purpose of use" {
        Treat = 1, "TREAT", "診療", "treatment";
        CoordinationOfCare = 2, "COC", "診療連携", "coordination of care";
        PatientRequest = 3, "PATRQT", "本人の求め", "patient request";
        HealthcareResearch = 4, "HRESCH", "研究", "healthcare research";
    }
}

codes! {
    /// What kind of place a facility is.
    FacilityKind: "facility kind" {
        Hospital = 1, "hospital", "病院", "hospital";
        Clinic = 2, "clinic", "診療所", "clinic";
        DentalClinic = 3, "dental-clinic", "歯科診療所", "dental clinic";
        Pharmacy = 4, "pharmacy", "薬局", "pharmacy";
        VisitingNurse = 5, "visiting-nurse", "訪問看護ステーション", "visiting-nurse station";
        CareFacility = 6, "care-facility", "介護施設", "care facility";
        CareManager = 7, "care-manager-office", "居宅介護支援事業所", "care-manager office";
        Laboratory = 8, "laboratory", "検査センター", "laboratory";
        CheckUpCentre = 9, "check-up-centre", "健診センター", "check-up centre";
        Ambulance = 10, "ambulance", "救急隊", "ambulance service";
        Municipality = 11, "municipality", "市町村", "municipality";
        Insurer = 12, "insurer", "保険者", "insurer";
    }
}

codes! {
    /// The profession in which somebody asks.
    Role: "role" {
        Physician = 1, "physician", "医師", "physician";
        Dentist = 2, "dentist", "歯科医師", "dentist";
        Pharmacist = 3, "pharmacist", "薬剤師", "pharmacist";
        Nurse = 4, "nurse", "看護師", "nurse";
        CareManager = 5, "care-manager", "介護支援専門員", "care manager";
        Radiographer = 6, "radiographer", "診療放射線技師", "radiographer";
        LaboratoryTechnician = 7, "laboratory-technician", "臨床検査技師", "laboratory technician";
        Paramedic = 8, "paramedic", "救急救命士", "paramedic";
        Clerk = 9, "clerk", "事務職員", "clerk";
    }
}

codes! {
    /// How a consent was taken.
    Capture: "capture" {
        Written = 1, "written", "書面", "written";
        Oral = 2, "oral", "口頭", "oral";
        CardPresented = 3, "card-presented", "カード提示", "card presented";
    }
}

codes! {
    /// How a consent can be withdrawn.
    Withdrawal: "way of withdrawal" {
        Written = 1, "written", "書面", "in writing";
        Oral = 2, "oral", "口頭", "orally";
        ViaPhysician = 3, "via-physician", "主治医を通じて", "through the physician";
    }
}

codes! {
    /// What a consent (or a policy's rule) is about: letting one's documents out, or seeing others'.
    Side: "side" {
        Disclosing = 1, "disclosing", "開示", "disclosing";
        Viewing = 2, "viewing", "閲覧", "viewing";
    }
}

codes! {
    /// Which acts of consent a grant needs: those of the disclosing network's rule, of the viewing network's, both or either.
    ConsentRule: "consent rule" {
        Disclosing = 1, "disclosing", "開示側の同意", "the disclosing side's consent";
        Viewing = 2, "viewing", "閲覧側の同意", "the viewing side's consent";
        Both = 3, "both", "双方の同意", "both sides' consent";
        Either = 4, "either", "いずれかの同意", "either side's consent";
    }
}

codes! {
    /// How far one act of consent reaches under a network's rule.
    Scope: "scope" {
        AllFacilities = 1, "all-facilities", "全施設に包括同意", "all facilities at once";
        ListedFacilities = 2, "listed-facilities", "施設を指定して同意", "facilities on a list";
        EachFacility = 3, "each-facility", "受診した施設ごとに同意", "each facility visited";
    }
}

codes! {
    /// What a key may sign.
    KeyPurpose: "key purpose" {
        /// Offline: agreements, policies, key changes.
        Governance = 1, "governance", "運営鍵", "governance";
        /// Online: requests, consents, releases, receipts.
        Node = 2, "node", "ノード鍵", "node";
        /// The key of the TLS certificate a peer must present.
        Transport = 3, "transport", "通信鍵", "transport";
        /// A replica's cosignatures on checkpoints and its receipts.
        Checkpoint = 4, "checkpoint", "検証点鍵", "checkpoint";
    }
}

codes! {
    /// What a request asks for.
    Action: "action" {
        FindDocuments = 1, "find-documents", "文書一覧の照会", "find documents";
        RetrieveDocument = 2, "retrieve-document", "文書の取得", "retrieve a document";
    }
}
