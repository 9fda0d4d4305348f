//! Sekisho: consent-enforcing document queries across Japan's regional medical networks.
