//! The codes of the surveys: closed lists, each value with the code the survey data uses and a short label in
//! Japanese and English. A code outside its list is an error that names it, never a default.
//!
//! What a code means in the normal form of consent policies is in [`crate::mapping`], and only there.

/// A code outside its list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code:?} is not a {list}; one of: {allowed}")]
pub struct UnknownCode {
    /// The list's name.
    pub list: &'static str,
    /// The code given, at most 80 characters of it.
    pub code: String,
    /// Every code there is.
    pub allowed: String,
}

/// A value of one of the surveys' code lists.
pub trait SurveyCode: Copy + Ord + std::str::FromStr<Err = UnknownCode> + 'static {
    /// Every value, in the order of the questionnaire.
    const ALL: &'static [Self];
    /// The code in the data.
    fn code(self) -> &'static str;
    /// A short label in Japanese.
    fn ja(self) -> &'static str;
    /// A short label in English.
    fn en(self) -> &'static str;
}

macro_rules! survey_codes {
    ($(#[$doc:meta])* $name:ident: $list:literal { $($variant:ident = $code:literal, $ja:literal, $en:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $(#[doc = $en] $variant,)+
        }

        impl SurveyCode for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];
            fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
            fn ja(self) -> &'static str {
                match self { $(Self::$variant => $ja,)+ }
            }
            fn en(self) -> &'static str {
                match self { $(Self::$variant => $en,)+ }
            }
        }
        impl std::str::FromStr for $name {
            type Err = UnknownCode;
            fn from_str(code: &str) -> Result<Self, UnknownCode> {
                Self::ALL.iter().copied().find(|v| v.code() == code).ok_or_else(|| UnknownCode {
                    list: $list,
                    code: code.chars().take(80).collect(),
                    allowed: Self::ALL.iter().map(|v| v.code()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}

survey_codes! {
    /// The public sources, by what they are.
    Survey: "survey" {
        PickUp = "pickup", "厚労省 支援ナビ ピックアップ事例", "MHLW support navi, picked-up cases";
        Casebook = "casebook", "ICT活用事例集", "ICT casebook";
        FollowUp2019 = "fy2019", "厚労省 令和元年度調査", "MHLW follow-up, FY2019";
        CloudGrant = "cloud", "クラウド型EHR高度化事業", "cloud-EHR upgrade grant";
        Nationwide2016 = "2016", "2016年 全国調査", "nationwide survey of 2016";
    }
}

survey_codes! {
    /// Whether a mark says "in use" (○) or "planned" (△).
    State: "state" {
        InUse = "in_use", "実施中", "in use";
        Planned = "planned", "予定", "planned";
    }
}

survey_codes! {
    /// How surely a survey sheet is about this network.
    Join: "join confidence" {
        Own = "own", "当該ネットワークの回答", "the network's own row";
        Certain = "certain", "名称等から同一", "the same, by its name";
        Probable = "probable", "同一と思われる", "probably the same";
        Predecessor = "predecessor", "前身のネットワーク", "of its predecessor";
    }
}

survey_codes! {
    /// How a patient consents (2016).
    Mode: "patient consent mode" {
        Blanket = "blanket_all_facilities", "参加施設すべてに一括", "all facilities at once";
        Designation = "per_facility_designation", "施設ごとに可否を指定", "the patient says which facilities";
        EachFacility = "per_facility_consent", "すべての施設ごとに同意", "each facility";
        EachPhysician = "per_physician_consent", "すべての医師ごとに同意", "each physician";
        Other = "other", "その他", "other";
    }
}

survey_codes! {
    /// What "other" stood for, as coded by those who compiled the data.
    Recoded: "recoded patient consent mode" {
        BlanketDisclosurePerVisitViewing = "blanket_disclosure_per_visit_viewing", "公開は一括、閲覧は受診先ごと", "disclosure at once, viewing per visit";
        CardPerFacility = "per_facility_card_presentation", "施設ごとにカードを提示", "a card presented at each facility";
        QrCardAtFacility = "qr_consent_card_read_at_facility", "同意カード（QR）を施設で読み取り", "a QR consent card read at the facility";
        PhysicianDecides = "attending_physician_decides", "主治医が判断した機関", "where the attending physician decides";
        ObjectionAfterwards = "objection_possible_afterwards", "事後の拒否が可能", "objection possible afterwards";
        EachSideItsOwn = "each_side_obtains_its_own", "双方がそれぞれ取得", "each side obtains its own";
    }
}

survey_codes! {
    /// How a consent is obtained on enrolment (2016).
    Enrolment: "enrolment mode" {
        Explicit = "explicit_consent", "同意による取得", "explicit consent";
        Notice = "implicit_notice", "周知（黙示の同意）", "notice, implied consent";
        Oral = "oral", "口頭", "orally";
        FacilityChoice = "facility_choice_written_or_notice", "施設が同意書か掲示かを選ぶ", "the facility chooses a form or a notice";
        Contract = "contract_implies_consent", "利用契約をもって同意とする", "the contract counts as consent";
        Other = "other", "その他", "other";
    }
}

survey_codes! {
    /// How a consent is withdrawn (2016).
    WithdrawalMode: "withdrawal mode" {
        Written = "written_form", "文書", "in writing";
        Oral = "oral", "口頭", "orally";
        ViaPhysician = "via_attending_physician", "主治医を通じて", "through the attending physician";
        FacilityChoice = "facility_choice_written_or_oral", "施設が文書か口頭かを選ぶ", "the facility chooses, in writing or orally";
        NoneByDesign = "none_by_design", "撤回の仕組みなし", "none by design";
        CaseByCase = "case_by_case", "状況による", "case by case";
        FormInPreparation = "form_in_preparation", "文書を準備中", "a form is being prepared";
        Other = "other", "その他", "other";
    }
}

survey_codes! {
    /// What is asked of patients when a facility joins (2016).
    NewFacilityMode: "new-facility rule" {
        Written = "additional_written_consent", "追加の同意書", "another written consent";
        Oral = "additional_oral", "追加の口頭了承", "another oral consent";
        Notice = "implicit_notice", "周知（黙示の同意）", "notice, implied consent";
        Card = "card_presentation", "カードの提示", "the card is presented";
        FacilityChoice = "facility_choice_written_or_notice", "施設が同意書か掲示かを選ぶ", "the facility chooses a form or a notice";
        PhysicianPatient = "physician_patient_consent", "医師個人と患者の同意", "consent between physician and patient";
        NotPossible = "not_possible_by_design", "追加できない仕組み", "not possible by design";
        Undecided = "undecided", "未定", "undecided";
        Other = "other", "その他", "other";
    }
}

survey_codes! {
    /// How a patient consents (picked-up cases).
    Pickup: "picked-up consent mode" {
        Designate = "designate_from_facility_list", "一覧から連携先を指定", "facilities designated on a list";
        BlanketDisclosurePerVisitViewing = "blanket_disclosure_per_visit_viewing", "公開は一括、閲覧は受診先ごと", "disclosure at once, viewing per visit";
        PerVisitedFacility = "per_visited_facility", "受診先ごと", "each visited facility";
        Blanket = "blanket_all_facilities", "参加施設すべて", "all facilities at once";
        EachFacilityWritten = "per_facility_written_consent", "施設ごとに同意書", "a written consent at each facility";
        EachFacilityCard = "per_facility_card_presentation", "施設ごとに会員カードの提示", "the card presented at each facility";
    }
}

survey_codes! {
    /// How facilities join.
    Participation: "facility participation mode" {
        RegionWide = "region_wide", "地域全体で参加", "the whole region";
        PerFacility = "per_facility_decision", "施設ごとに判断", "each facility decides";
        Other = "other", "その他", "other";
    }
}

survey_codes! {
    /// Which way documents are shared inside the network.
    Direction: "direction" {
        Bidirectional = "bidirectional", "双方向", "bidirectional";
        ViewOnly = "view_only", "参照のみ", "viewing only";
    }
}

survey_codes! {
    /// What is shared.
    Item: "shared item" {
        Demographics = "patient_demographics", "患者基本情報", "patient demographics";
        Diagnosis = "diagnosis", "病名", "diagnosis";
        Referral = "referral_letter", "診療情報提供書", "referral letter";
        PhysicianNotes = "physician_notes", "医師記録", "physician's notes";
        Summary = "summary", "サマリ", "summary";
        OperationRecord = "operation_record", "手術記録", "operation record";
        NursingRecord = "nursing_record", "看護記録", "nursing record";
        PrescriptionOrder = "prescription_order", "処方オーダー", "prescription order";
        InjectionOrder = "injection_order", "注射オーダー", "injection order";
        LabOrder = "lab_order", "検体検査オーダー", "laboratory order";
        RadiologyOrder = "radiology_order", "放射線検査オーダー", "radiology order";
        EndoscopyOrder = "endoscopy_order", "内視鏡検査オーダー", "endoscopy order";
        PhysiologyOrder = "physiology_order", "生理検査オーダー", "physiology order";
        MealOrder = "meal_order", "食事オーダー", "meal order";
        LabResult = "lab_result", "検体検査結果", "laboratory result";
        PhysiologyResult = "physiology_result", "生理検査結果", "physiology result";
        Image = "image", "画像", "image";
        DispensingResult = "dispensing_result", "調剤結果", "dispensing result";
        OtherDocument = "other_document", "その他文書", "other document";
        Other = "other", "その他", "other";
    }
}

survey_codes! {
    /// Where the shared data comes from (2016).
    SourceSystem: "source system" {
        HospitalEmr = "hospital_emr", "病院の電子カルテ", "hospital record system";
        HospitalReceipt = "hospital_receipt", "病院のレセコン", "hospital billing system";
        HospitalPacs = "hospital_pacs", "病院の画像システム", "hospital imaging system";
        ClinicEmr = "clinic_emr", "診療所の電子カルテ", "clinic record system";
        ClinicReceipt = "clinic_receipt", "診療所のレセコン", "clinic billing system";
        DentalEmr = "dental_emr", "歯科の電子カルテ", "dental record system";
        DentalReceipt = "dental_receipt", "歯科のレセコン", "dental billing system";
        PharmacyReceipt = "pharmacy_receipt", "薬局の調剤レセコン", "pharmacy system";
        LabCenter = "lab_center", "検査センター", "laboratory";
        Other = "other", "その他", "other";
    }
}

survey_codes! {
    /// Who supplies data (picked-up cases).
    DataSource: "picked-up data source" {
        Hospital = "hospital", "病院", "hospital";
        Clinic = "medical_clinic", "診療所", "clinic";
        DentalClinic = "dental_clinic", "歯科診療所", "dental clinic";
        Pharmacy = "pharmacy", "薬局", "pharmacy";
        Laboratory = "laboratory", "検査センター", "laboratory";
        NursingCare = "nursing_care_facility", "介護施設", "care facility";
        VisitingNurse = "visiting_nurse", "訪問看護", "visiting nurse";
        CheckUpCentre = "health_checkup_center", "健診センター", "check-up centre";
        Government = "government", "行政", "government";
        Insurer = "insurer", "保険者", "insurer";
        FacilityEntry = "facility_manual_entry", "施設の手入力", "entered by facilities";
        FacilityUpload = "facility_file_upload", "施設のファイル登録", "uploaded by facilities";
        ResidentEntry = "resident_manual_entry", "住民の手入力", "entered by residents";
    }
}

survey_codes! {
    /// Kinds of participating facilities, as counted.
    Kind: "facility kind" {
        Hospital = "hospital", "病院", "hospital";
        Clinic = "medical_clinic", "医科診療所", "clinic";
        DentalClinic = "dental_clinic", "歯科診療所", "dental clinic";
        Pharmacy = "pharmacy", "薬局", "pharmacy";
        NursingCare = "nursing_care", "介護施設", "care facility";
        NursingCareAndOther = "nursing_care_and_other", "介護・その他", "care and other";
        Other = "other", "その他", "other";
    }
}

survey_codes! {
    /// Secondary uses of what is shared.
    SecondaryUse: "secondary use" {
        CostOptimisation = "regional_cost_optimisation", "地域の医療費適正化", "regional cost optimisation";
        Research = "public_interest_research", "公益目的の研究", "research in the public interest";
        OtherStatistics = "statistics_other_than_public_interest", "公益目的以外の統計", "other statistics";
    }
}

survey_codes! {
    /// What the network offers, as far as it says what is shared.
    Service: "service" {
        CheckUpSharing = "health_checkup_sharing", "健診情報の連携", "check-up results shared";
    }
}

survey_codes! {
    /// What a network is for (2016).
    Aim: "aim" {
        MedicalLinkage = "medical_linkage", "医療連携", "linking care";
        HomeCare = "home_care", "在宅医療", "home care";
        Emergency = "emergency", "救急医療", "emergency care";
        Disaster = "disaster", "災害医療", "care in disasters";
        Stroke = "stroke", "脳卒中", "stroke";
        AcuteMyocardialInfarction = "acute_mi", "急性心筋梗塞", "acute myocardial infarction";
        Cancer = "cancer", "がん", "cancer";
        Diabetes = "diabetes", "糖尿病", "diabetes";
        Psychiatric = "psychiatric", "精神疾患", "psychiatric care";
        Perinatal = "perinatal", "周産期医療", "perinatal care";
        Paediatric = "pediatric", "小児医療", "paediatric care";
        RemoteArea = "remote_area", "へき地医療", "care in remote areas";
        DiseaseManagement = "disease_management", "疾病管理", "disease management";
        Prevention = "prevention", "疾病予防", "prevention";
        HealthManagement = "health_management", "健康管理", "health management";
        SecuringStaff = "securing_staff", "医療従事者の確保", "securing staff";
    }
}

survey_codes! {
    /// How large an area the network serves.
    Area: "area class" {
        SubMunicipality = "sub_municipality", "市区町村内", "part of a municipality";
        District = "district", "地区", "district";
        Municipality = "municipality", "市区町村", "municipality";
        Secondary = "secondary_medical_area", "二次医療圏", "secondary medical area";
        SeveralSecondary = "multiple_secondary_medical_areas", "複数の二次医療圏", "several secondary medical areas";
        Tertiary = "tertiary_medical_area", "三次医療圏", "tertiary medical area";
        Prefecture = "prefecture_wide", "全県", "the whole prefecture";
        SeveralPrefectures = "multi_prefecture", "複数県", "several prefectures";
        Other = "other", "その他", "other";
    }
}

survey_codes! {
    /// Where the network stood in 2016.
    Status: "status of 2016" {
        InOperation = "in_operation", "稼働中", "in operation";
        Trial = "trial", "試行中", "trial";
        UnderConstruction = "under_construction", "構築中", "under construction";
        Planned = "planned", "計画中", "planned";
        Other = "other", "その他", "other";
    }
}

survey_codes! {
    /// Which way a stated link between two networks runs.
    LinkDirection: "link direction" {
        Bidirectional = "bidirectional", "双方向", "both ways";
        BidirectionalNotStated = "bidirectional_not_stated", "双方向と思われるが明記なし", "both ways, not stated in so many words";
        AReadsB = "a_reads_b", "片方向（前者が後者を閲覧）", "one way: the first reads the second";
        AWritesB = "a_writes_b", "片方向（前者が後者へ送る）", "one way: the first writes to the second";
        ViewOnly = "view_only", "参照のみ", "viewing only";
        Partial = "partial", "一部", "in part";
        NotStated = "not_stated", "明記なし", "not stated";
        NotApplicable = "not_applicable", "該当なし", "not applicable";
    }
}
