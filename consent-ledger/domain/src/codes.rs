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
        impl $crate::Code for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];
            fn number(self) -> u8 {
                self as u8
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
    /// Why somebody wants to see a document: HL7 v3 PurposeOfUse codes, and one local code for disasters.
    /// What each needs besides a grant is its [`Purpose::nature`].
    Purpose: "purpose of use" {
        Treat = 1, "TREAT", "診療", "treatment";
        CoordinationOfCare = 2, "COC", "診療連携", "coordination of care";
        PatientRequest = 3, "PATRQT", "本人の求め", "patient request";
        HealthcareResearch = 4, "HRESCH", "研究", "healthcare research";
        /// Emergency care of a patient who has consented: like TREAT, told apart so that it can be granted apart.
        EmergencyTreatment = 5, "ETREAT", "救急診療", "emergency treatment";
        /// Without consent, for a stated reason, reviewed afterwards by somebody else.
        BreakGlass = 6, "BTG", "緊急時の同意によらない閲覧", "break the glass";
        /// Local code: under an authority's declaration.
        Disaster = 7, "DISASTER", "災害時の閲覧", "disaster";
        PublicHealth = 8, "PUBHLTH", "公衆衛生（法令に基づくもの）", "public health, by law";
        Legal = 9, "HLEGAL", "法令に基づく照会", "legal duty";
        Threat = 10, "THREAT", "生命・身体の保護（法令に基づくもの）", "threat to life or body, by law";
    }
}

/// What a purpose of use rests on besides a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nature {
    /// The patient's consent.
    Ordinary,
    /// A stated emergency, reviewed afterwards.
    BreakGlass,
    /// An authority's declaration.
    Disaster,
    /// A law: neither consent nor reservation stands in its way.
    Law,
}

impl Purpose {
    /// What it rests on besides a grant.
    pub fn nature(self) -> Nature {
        match self {
            Self::Treat
            | Self::CoordinationOfCare
            | Self::PatientRequest
            | Self::HealthcareResearch
            | Self::EmergencyTreatment => Nature::Ordinary,
            Self::BreakGlass => Nature::BreakGlass,
            Self::Disaster => Nature::Disaster,
            Self::PublicHealth | Self::Legal | Self::Threat => Nature::Law,
        }
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
        CardPresented = 3, "card-presented", "カード・QRコードの提示", "card or QR code presented";
        /// A notice is posted; who does not object is taken to consent. Holds only while the notice stands.
        NoticeWithOptOut = 4, "notice-with-opt-out", "掲示による黙示の同意（オプトアウト）", "notice with opt-out";
        Contract = 5, "contract", "利用契約", "contract";
        Portal = 6, "portal", "ポータルサイト", "portal";
        PhysicianJudgement = 7, "physician-judgement", "医師の判断", "physician's judgement";
    }
}

impl Capture {
    /// Whether the patient, or who speaks for the patient, said it.
    pub fn is_explicit(self) -> bool {
        !matches!(self, Self::NoticeWithOptOut | Self::PhysicianJudgement)
    }
}

codes! {
    /// How a consent can be withdrawn.
    Withdrawal: "way of withdrawal" {
        Written = 1, "written", "書面", "in writing";
        Oral = 2, "oral", "口頭", "orally";
        ViaPhysician = 3, "via-physician", "主治医を通じて", "through the physician";
        Portal = 4, "portal", "ポータルサイトで", "on the portal";
        /// The network's rules know no withdrawal. The ledger takes one all the same.
        NotProvided = 5, "not-provided", "規約に撤回の定めなし", "the rules provide for none";
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
    /// Which acts of consent a grant needs: by the disclosing network's rule, by the viewing network's, both or either.
    ConsentRule: "consent rule" {
        Disclosing = 1, "disclosing", "開示側の同意", "the disclosing side's consent";
        Viewing = 2, "viewing", "閲覧側の同意", "the viewing side's consent";
        Both = 3, "both", "双方の同意", "both sides' consent";
        Either = 4, "either", "いずれかの同意", "either side's consent";
        /// The ministry's rule of 2020: the viewing network's policy asks for explicit consent, the provider has
        /// posted its purposes and the patient has made no reservation, the recipient took the consent at the visit.
        RecipientConsentWithProviderReservation = 5, "recipient-consent-with-provider-reservation", "閲覧施設が受診時に同意を取得（開示施設は利用目的を掲示し、留保の申出がないこと）", "the recipient's consent at the visit, the provider's purposes posted, no reservation";
        /// For purposes that do not rest on consent, and for these only.
        NotNeeded = 6, "not-needed", "同意によらない", "none: the purpose does not rest on consent";
    }
}

codes! {
    /// How far one act of consent reaches under a network's rule.
    Scope: "scope" {
        AllFacilities = 1, "all-facilities", "全施設に包括同意", "all facilities at once";
        ListedFacilities = 2, "listed-facilities", "施設を指定して同意", "facilities on a list";
        EachFacility = 3, "each-facility", "受診した施設ごとに同意", "each facility visited";
        EachPractitioner = 4, "each-practitioner", "医師ごとに同意", "each practitioner";
        FacilityPair = 5, "facility-pair", "特定の二施設間に限り同意", "one pair of facilities";
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
        /// A compliance officer's: reviews of emergency accesses.
        Officer = 5, "officer", "監査担当者鍵", "officer";
        /// A disaster authority's: declarations.
        Authority = 6, "authority", "災害対策当局鍵", "authority";
    }
}

codes! {
    /// What a request asks for.
    Action: "action" {
        FindDocuments = 1, "find-documents", "文書一覧の照会", "find documents";
        RetrieveDocument = 2, "retrieve-document", "文書の取得", "retrieve a document";
        FindPatients = 3, "find-patients", "患者の照会", "find patients";
    }
}

codes! {
    /// Why a patient's consent could not be waited for.
    EmergencyReason: "emergency reason" {
        Unconscious = 1, "unconscious", "意識障害", "unconscious";
        Incapable = 2, "incapable", "意思疎通ができない", "cannot make themselves understood";
        NoTime = 3, "no-time", "生命・身体の危険が切迫し、同意を得る時間がない", "imminent danger to life or body, no time to ask";
        UnaccompaniedMinor = 4, "unaccompanied-minor", "保護者に連絡のつかない未成年者", "a minor whose parents cannot be reached";
    }
}

codes! {
    /// How the patient was asked in a disaster.
    DisasterConsent: "way of asking in a disaster" {
        Oral = 1, "oral", "口頭で同意を得た", "oral consent";
        NotPossible = 2, "not-possible", "意識障害等で同意を得られない", "could not be asked";
    }
}

codes! {
    /// The law a law-based purpose rests on.
    LegalBasis: "legal basis" {
        InfectiousDiseases = 1, "infectious-diseases-act", "感染症法（積極的疫学調査）", "Infectious Diseases Control Act, epidemiological investigation";
        ChildAbuse = 2, "child-abuse-prevention-act", "児童虐待防止法", "Child Abuse Prevention Act";
        ElderAbuse = 3, "elder-abuse-prevention-act", "高齢者虐待防止法", "Elder Abuse Prevention Act";
        CriminalProcedure = 4, "criminal-procedure", "刑事訴訟法（捜査関係事項照会・令状）", "Code of Criminal Procedure, inquiry or warrant";
        CancerRegistry = 5, "cancer-registry-act", "がん登録推進法", "Cancer Registry Act";
        LifeAndBody = 6, "protection-of-life-and-body", "個人情報保護法（人の生命・身体の保護）", "Personal Information Protection Act, protection of life and body";
    }
}

codes! {
    /// What a permit stands on.
    Footing: "footing of a permit" {
        Consent = 1, "consent", "同意", "consent";
        BreakGlass = 2, "break-glass", "緊急時", "break-glass";
        Disaster = 3, "disaster", "災害時", "disaster";
        /// Nothing is opened that the patient has not consented to for drills by name.
        DisasterDrill = 4, "disaster-drill", "災害訓練", "disaster drill";
        Law = 5, "law", "法令", "law";
        /// A search for a patient: an agreement allows it, and nothing but demographics is told.
        Agreement = 6, "agreement", "協定（患者の照会）", "agreement (a search)";
    }
}

codes! {
    /// As whom somebody speaks for a patient.
    ProxyKind: "kind of proxy" {
        Parent = 1, "parent", "親権者", "parent";
        Guardian = 2, "guardian", "成年後見人・未成年後見人", "guardian";
        FamilyOfIncapable = 3, "family-of-incapable", "判断能力を欠く人の家族", "family of a person who cannot decide (dementia)";
        Appointed = 4, "appointed", "本人が選んだ代理人", "chosen by the patient";
    }
}

codes! {
    /// What became of a proxy before its time.
    ProxyEndReason: "reason a proxy ends" {
        CameOfAge = 1, "came-of-age", "成年に達した", "came of age";
        Revoked = 2, "revoked", "取り消された", "revoked";
        Recovered = 3, "recovered", "判断能力が回復した", "the patient can decide again";
        Deceased = 4, "deceased", "代理人の死亡", "the proxy has died";
    }
}

codes! {
    /// What an officer found of an emergency access.
    Verdict: "verdict of a review" {
        Appropriate = 1, "appropriate", "適切", "appropriate";
        Inappropriate = 2, "inappropriate", "不適切", "inappropriate";
        FollowUp = 3, "follow-up", "追加調査が必要", "to be looked into further";
    }
}

codes! {
    /// How a patient was told of an emergency access.
    Told: "way of telling a patient" {
        InPerson = 1, "in-person", "対面で", "in person";
        Letter = 2, "letter", "書面で", "by letter";
        Portal = 3, "portal", "ポータルサイトで", "on the portal";
        Family = 4, "family", "家族・代理人に", "to family or proxy";
    }
}

codes! {
    /// What somebody's accesses look like, as [`crate::SecurityAlert`]s say.
    Pattern: "pattern of accesses" {
        ManyPatients = 1, "many-patients", "一時間に五十人の患者を照会", "fifty patients within an hour";
        RepeatedDenials = 2, "repeated-denials", "患者の意思に反する照会を一時間に十回", "ten requests within an hour against patients' will";
        NightBurst = 3, "night-burst", "深夜の一時間に十五人の患者を照会", "fifteen patients within an hour at night";
    }
}

codes! {
    /// What a disaster is.
    DisasterKind: "kind of disaster" {
        Earthquake = 1, "earthquake", "地震", "earthquake";
        Tsunami = 2, "tsunami", "津波", "tsunami";
        Flood = 3, "flood", "豪雨・洪水", "heavy rain, flood";
        Typhoon = 4, "typhoon", "台風", "typhoon";
        Landslide = 5, "landslide", "土砂災害", "landslide";
        Volcano = 6, "volcano", "火山噴火", "volcanic eruption";
        Snow = 7, "snow", "雪害", "heavy snow";
        Nuclear = 8, "nuclear", "原子力災害", "nuclear accident";
        Other = 9, "other", "その他の災害", "another disaster";
    }
}

codes! {
    /// Who bears the cost of answering.
    Settlement: "settlement of costs" {
        EachOwn = 1, "each-bears-own", "各自負担", "each bears its own";
        Viewing = 2, "viewing-pays", "閲覧側の負担", "the viewing side pays";
        Disclosing = 3, "disclosing-pays", "開示側の負担", "the disclosing side pays";
        Shared = 4, "shared", "協議して分担", "shared by separate arrangement";
    }
}
