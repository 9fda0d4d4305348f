//! Documents of invented persons, written as the systems of their formats write them.

/// A referral (HS038) of a patient, in its `version`th version.
pub fn referral(facility: &str, patient: &str, version: u8) -> String {
    format!(
        concat!(
            r#"{{"resourceType":"Bundle","meta":{{"profile":["http://jpfhir.jp/fhir/eReferral/StructureDefinition/JP_Bundle_eReferral"]}},"#,
            r#""identifier":{{"system":"http://example.jp/bundle","value":"R-{patient}"}},"type":"document","#,
            r#""timestamp":"2026-04-0{version}T10:00:00+09:00","entry":[{composition},{patient_of},{condition},{medication},{allergy}]}}"#
        ),
        patient = patient,
        version = version,
        composition = composition(version),
        patient_of = patient_of(facility, patient),
        condition = concat!(
            r#"{"fullUrl":"urn:uuid:c","resource":{"resourceType":"Condition","subject":{"reference":"urn:uuid:p"},"#,
            r#""code":{"coding":[{"system":"http://medis.or.jp/CodeSystem/master-disease-keyNumber","code":"20062490","display":"２型糖尿病"}],"text":"２型糖尿病"},"#,
            r#""clinicalStatus":{"coding":[{"code":"active"}]},"onsetDateTime":"2019-05","note":[{"text":"食事療法中"}]}}"#
        ),
        medication = concat!(
            r#"{"fullUrl":"urn:uuid:m","resource":{"resourceType":"MedicationRequest","status":"active","intent":"order","subject":{"reference":"urn:uuid:p"},"#,
            r#""medicationCodeableConcept":{"coding":[{"system":"http://medis.or.jp/CodeSystem/master-HOT9","code":"103835401","display":"メトグルコ錠２５０ｍｇ"}]},"#,
            r#""dosageInstruction":[{"text":"１日２回朝夕食後","doseAndRate":[{"doseQuantity":{"value":1,"unit":"錠"}}]}],"authoredOn":"2026-03-20","#,
            r#""dispenseRequest":{"expectedSupplyDuration":{"value":28,"unit":"日"}}}}"#
        ),
        allergy = concat!(
            r#"{"fullUrl":"urn:uuid:a","resource":{"resourceType":"AllergyIntolerance","patient":{"reference":"Patient/p1"},"#,
            r#""code":{"text":"そば"},"criticality":"high","reaction":[{"manifestation":[{"text":"じんましん"}]}]}}"#
        ),
    )
}

fn composition(version: u8) -> String {
    format!(
        concat!(
            r#"{{"fullUrl":"urn:uuid:comp","resource":{{"resourceType":"Composition","status":"final","#,
            r#""type":{{"coding":[{{"system":"http://jpfhir.jp/fhir/Common/CodeSystem/doc-typecodes","code":"57133-1","display":"診療情報提供書"}}]}},"#,
            r#""subject":{{"reference":"urn:uuid:p"}},"date":"2026-04-0{}T10:00:00+09:00","title":"診療情報提供書","#,
            r#""section":[{{"title":"紹介目的","code":{{"coding":[{{"code":"950"}}]}},"text":{{"status":"additional","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">血糖管理の<b>継続</b>をお願いします。<br/>次回予約なし</div>"}}}},"#,
            r#"{{"title":"傷病名","entry":[{{"reference":"urn:uuid:c"}}]}},{{"title":"処方","entry":[{{"reference":"urn:uuid:m"}}]}},"#,
            r#"{{"title":"アレルギー","entry":[{{"reference":"urn:uuid:a"}}]}}]}}}}"#
        ),
        version
    )
}

fn patient_of(facility: &str, patient: &str) -> String {
    format!(
        concat!(
            r#"{{"fullUrl":"urn:uuid:p","resource":{{"resourceType":"Patient","id":"p1","#,
            r#""identifier":[{{"system":"urn:oid:1.2.392.100495.20.3.51.1{}","value":"{}"}}],"#,
            r#""name":[{{"text":"関所 太郎","extension":[{{"url":"http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation","valueCode":"IDE"}}]}},"#,
            r#"{{"text":"セキショ タロウ"}}],"gender":"male","birthDate":"1948-04-05"}}}}"#
        ),
        facility, patient
    )
}

/// A JP-CLINS collection of one resource.
pub fn collection_of(facility: &str, patient: &str, kind: &str) -> String {
    format!(
        concat!(
            r#"{{"resourceType":"Bundle","identifier":{{"value":"C-{patient}-{kind}"}},"type":"collection","timestamp":"2026-04-02T10:00:00+09:00","#,
            r#""entry":[{patient_of},{{"fullUrl":"urn:uuid:o","resource":{{"resourceType":"{kind}","{about}":{{"reference":"urn:uuid:p"}},"#,
            r#""code":{{"coding":[{{"system":"http://medis.or.jp/CodeSystem/master-JLAC10-17digits","code":"3A010000002327101","display":"総蛋白"}}]}},"#,
            r#""effectiveDateTime":"2026-04-01T08:30:00+09:00","valueQuantity":{{"value":5.9,"unit":"g/dL"}},"#,
            r#""referenceRange":[{{"low":{{"value":6.6}},"high":{{"value":8.1}}}}],"interpretation":[{{"coding":[{{"code":"L"}}]}}]}}}}]}}"#
        ),
        patient = patient,
        kind = kind,
        about = if kind == "AllergyIntolerance" {
            "patient"
        } else {
            "subject"
        },
        patient_of = patient_of(facility, patient),
    )
}

/// A discharge summary as CDA R2, in its `version`th version.
pub fn summary(facility: &str, patient: &str, version: u8) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
<typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
<id root="1.2.3" extension="D-{patient}-{version}"/>
<code code="18842-5" codeSystem="2.16.840.1.113883.6.1"/>
<title>退院時サマリー</title>
<effectiveTime value="2026040{version}100000+0900"/>
<confidentialityCode code="N"/>
<setId root="1.2.3" extension="S-{patient}"/><versionNumber value="{version}"/>
<recordTarget><patientRole><id root="1.2.392.100495.20.3.51.1{facility}" extension="{patient}"/>
<patient><name use="IDE"><family>関所</family><given>太郎</given></name>
<administrativeGenderCode code="M"/><birthTime value="19480405"/></patient></patientRole></recordTarget>
<componentOf><encompassingEncounter><effectiveTime><low value="20260320"/><high value="20260331"/></effectiveTime></encompassingEncounter></componentOf>
<component><structuredBody>
<component><section><title>入院経過</title><text><paragraph>抗菌薬を投与した。</paragraph><paragraph>解熱した。</paragraph></text>
<component><section><title>検査</title><text><table><caption>血液</caption><thead><tr><th>項目</th><th>結果</th></tr></thead>
<tbody><tr><td>CRP</td><td>12.3 mg/dL</td></tr><tr><td>白血球</td></tr></tbody></table></text></section></component>
</section></component>
<component><section><title>退院時処方</title><text><list><item>レボフロキサシン錠</item></list></text></section></component>
</structuredBody></component>
</ClinicalDocument>
"#
    )
}

/// A PDF, as far as anything here looks into one.
pub fn pdf(patient: &str, version: u8) -> Vec<u8> {
    let text = format!("%PDF-1.7\n% an invented report of {patient}, version {version}\n%%EOF\n");
    text.into_bytes()
}

/// The sidecar of a PDF.
pub fn sidecar(facility: &str, patient: &str, version: u8, pdf: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let hash = sekisho_domain::Hash(Sha256::digest(pdf).into());
    format!(
        concat!(
            r#"{{"version":1,"sha256":"{hash}","patient":"{patient}","facility":"{facility}","category":"imaging-report","#,
            r#""type":{{"code":"18748-4"}},"document":"RAD-{patient}","created":"2026-04-0{version}T10:00:00+09:00","#,
            r#""service_start":"2026-03-31T15:20:00+09:00","department":{{"code":"29","name":"放射線科"}},"status":"final"}}"#
        ),
        hash = hash,
        patient = patient,
        facility = facility,
        version = version,
    )
}

/// Text in CP932.
pub fn cp932(text: &str) -> Vec<u8> {
    let (bytes, _, unmappable) = encoding_rs::SHIFT_JIS.encode(text);
    assert!(!unmappable, "{text}");
    bytes.into_owned()
}

/// A dispensed prescription as NSIPS, sent at a time of its `version`; `change` is A, U or D.
pub fn dispensing(facility: &str, patient: &str, version: u8, change: char) -> String {
    let (prefecture, table, code) = (&facility[..2], &facility[2..3], &facility[3..]);
    format!(
        "VER010603,2026040{version}153322,,PC1,{prefecture},{table},{code},見本薬局,8400000,佐賀県佐賀市見本町1,0952000000,\r\n\
         1,{patient},ｾｷｼｮ ﾀﾛｳ,関所　太郎,1,19480405,8400001,佐賀県佐賀市見本町2,,,,,2,2,01410016,,７０,123,1\r\n\
         2,R-{patient},41,{change},20260401,,,20260401,0,0,0,206,0000002,41,見本病院,8400002,佐賀市見本町3,0952000001,01,内科,,,7,ｲｼ ｲﾁﾛｳ,医師　一郎,0\r\n\
         3,1,*1000,１日１回　朝食後服用,,,,,2,1,14,0,,1,0,0,,,,,,\r\n\
         4,1,1,1,3969010F2030,621951001,,ﾐﾎﾝ50,見本錠５０ｍｇ,見本成分錠,0,0,0,0,0,0,1,1,錠,0,0,0,0,1,82.1\r\n\
         5,560,0,0,0,448,0,0\r\n"
    )
}

/// Claims of a month, one for each patient.
pub fn claims(facility: &str, patients: &[&str], month: u8) -> String {
    let (prefecture, code) = (&facility[..2], &facility[3..]);
    let mut text = format!(
        "IR,1,{prefecture},1,{code},,見本病院,20260{},00,0952-00-0000\r\n",
        month + 1
    );
    for (n, patient) in patients.iter().enumerate() {
        text.push_str(&format!(
            "RE,{},1112,20260{month},関所　太郎,1,19480405,,,,,,,{patient},,,,,,,\r\n\
             HO,01410016,７０,123,2,1234,,,,,,,,\r\n\
             SY,8830052,20260401,1,,見本病,01,\r\n\
             SI,11,1,111000110,,291,1\r\n\
             IY,21,1,621951001,1,8,14\r\n\
             CO,,1,830100001,見本のコメント\r\n",
            n + 1
        ));
    }
    text.push_str("GO,99,0,99\r\n\u{1a}");
    text
}

/// A mapping of a table of vital signs.
pub const MAPPING: &str = r#"version = 1
name = "vitals"
category = "vitals"
title = { ja = "バイタル", en = "Vital signs" }
type = { code = "8716-3", system = "http://loinc.org" }
encoding = "windows-31j"
columns = ["患者番号", "施設", "測定日時", "収縮期血圧", "更新日時", "削除"]
patient = "患者番号"
facility = "施設"
date = "測定日時"
document = ["測定日時"]
updated = "更新日時"
deleted = { column = "削除", value = "1" }
"#;

/// Such a table, one row for each patient.
pub fn vitals(facility: &str, patients: &[&str]) -> String {
    let mut text = "患者番号,施設,測定日時,収縮期血圧,更新日時,削除\r\n".to_owned();
    for patient in patients {
        text.push_str(&format!(
            "{patient},{facility},2026/04/01 09:05,120,2026/04/01 10:00,0\r\n"
        ));
    }
    text
}
