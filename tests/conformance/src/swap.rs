//! Putting another value of the same kind where one stands: of a field of the same name somewhere else in the ledger.

use crate::dice::Dice;
use serde_json::Value;
use std::collections::BTreeMap;

/// The values that stand under each name.
#[derive(Debug, Default)]
pub struct Pool(BTreeMap<String, Vec<Value>>);

impl Pool {
    /// Takes in every value of a document.
    pub fn learn(&mut self, document: &Value) {
        match document {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let known = self.0.entry(name.clone()).or_default();
                    if known.len() < 400 && !known.contains(value) {
                        known.push(value.clone());
                    }
                    self.learn(value);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn(item)),
            _ => {}
        }
    }

    /// The document with one of its values exchanged; none if there is nothing to exchange.
    pub fn swap(&self, dice: &mut Dice, document: &Value) -> Option<Value> {
        let mut places = Vec::new();
        walk(document, "", &mut places);
        if places.is_empty() {
            return None;
        }
        let (place, name) = dice.pick(places.as_slice()).clone();
        let mut swapped = document.clone();
        let value = swapped.pointer_mut(&place)?;
        let before = value.clone();
        match value {
            Value::Number(number) if dice.chance(50) => {
                let near = number.as_u64()?.saturating_add(1 + dice.upto(3));
                *value = near.saturating_sub(2).into();
            }
            Value::Array(items) if !items.is_empty() && dice.chance(50) => {
                let at = dice.below(items.len());
                items.remove(at);
            }
            value => *value = dice.pick(self.0.get(&name)?.as_slice()).clone(),
        }
        (*swapped.pointer(&place)? != before).then_some(swapped)
    }
}

/// Every place that has a name, as a JSON pointer.
fn walk(value: &Value, at: &str, places: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let place = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                places.push((place.clone(), name.clone()));
                walk(value, &place, places);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                walk(item, &format!("{at}/{n}"), places);
            }
        }
        _ => {}
    }
}
