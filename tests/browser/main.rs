//! The portal in a real browser, against a running demo federation: each story of the people it is for, from end to end.
//!
//! A story is a script of its own in this folder, for playwright-core and Debian's Chromium; `page.mjs` is what they share.
//! Every page is kept as a picture at three widths under `target/tmp/browser/seen`, or where `SEKISHO_BROWSER_OUT` says.
//! Stories run side by side, each with patients of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it measured or left out"
)]

mod demo;
mod hostile;
mod script;

use demo::Demo;
use script::Tools;
use serde_json::json;
use std::sync::{Mutex, PoisonError, RwLock};

/// Held alone by who disturbs everybody: the leader of the replicas is stopped, or the machine is to be measured.
static STAGE: RwLock<()> = RwLock::new(());
/// The patient at the border of Shimane and Tottori is in one story at a time.
static BORDER: Mutex<()> = Mutex::new(());

/// Tells a story on the demo, beside others.
fn told(story: &str, args: &[&str]) {
    let Some(tools) = Tools::here(story) else {
        return;
    };
    let demo = Demo::running();
    let _beside = STAGE.read().unwrap_or_else(PoisonError::into_inner);
    tools.tell(story, args, &demo.world());
}

#[test]
fn a_clinician_sees_what_the_patient_consents_to() {
    told("clinician", &[]);
}

#[test]
fn a_patient_is_found_by_card_by_what_is_known_and_in_a_disaster_in_japanese() {
    told_of_disaster("ja");
}

#[test]
fn a_patient_is_found_by_card_by_what_is_known_and_in_a_disaster_in_english() {
    told_of_disaster("en");
}

/// Tells how a patient is found, while a drill's declaration holds.
fn told_of_disaster(lang: &str) {
    let Some(tools) = Tools::here("find") else {
        return;
    };
    let demo = Demo::running();
    let _beside = STAGE.read().unwrap_or_else(PoisonError::into_inner);
    demo.declare_disaster();
    let mut world = demo.world();
    world["sought"] = demo.elsewhere(lang);
    tools.tell("find", &[lang], &world);
}

#[test]
fn a_patient_sees_who_looked_and_withdraws() {
    told("patient", &[]);
}

#[test]
fn the_keyboard_alone_is_enough() {
    told("keyboard", &[]);
}

#[test]
fn scripts_are_not_needed() {
    let _border = BORDER.lock().unwrap_or_else(PoisonError::into_inner);
    told("plain", &[]);
}

#[test]
fn an_officer_answers_verifies_and_signs_in_japanese() {
    told("officer", &["ja"]);
}

#[test]
fn an_officer_answers_verifies_and_signs_in_english() {
    told("officer", &["en"]);
}

#[test]
fn every_page_in_japanese() {
    told("pages", &["ja"]);
}

#[test]
fn every_page_in_english() {
    told("pages", &["en"]);
}

#[test]
fn every_page_of_the_operator_in_japanese() {
    told("operator", &["ja"]);
}

#[test]
fn every_page_of_the_operator_in_english() {
    told("operator", &["en"]);
}

/// Tottori's process is stopped, as if its line were cut: the others' documents are there, and it is told of honestly.
#[test]
fn a_network_that_never_answers_is_not_waited_for() {
    let Some(tools) = Tools::here("silent") else {
        return;
    };
    let _border = BORDER.lock().unwrap_or_else(PoisonError::into_inner);
    let demo = Demo::running();
    // Whoever leads is missed by everybody for a moment.
    let leads = demo.leader("oshidorinet") == "oshidorinet";
    let _alone = leads.then(|| STAGE.write().unwrap_or_else(PoisonError::into_inner));
    let _beside = (!leads).then(|| STAGE.read().unwrap_or_else(PoisonError::into_inner));
    let stopped = demo.stop("oshidorinet");
    demo.wait_led_by_another("mamenet", "oshidorinet");
    let mut world = demo.world();
    world["stopped"] = json!(stopped.id());
    tools.tell("silent", &[], &world);
}

/// On a network of its own, so that it runs while the demo starts.
#[test]
fn a_hostile_name_is_text_and_does_nothing() {
    let Some(tools) = Tools::here("hostile") else {
        return;
    };
    let town = hostile::Town::new();
    let _beside = STAGE.read().unwrap_or_else(PoisonError::into_inner);
    tools.tell("hostile", &[], &town.world());
}
