//! E-mail addresses and phone numbers: which are verified, which are reserved, which are left out.

use super::options::Unverified;
use super::outcome::EmailBasis;

/// The addresses of one kind that a user has, checked.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// `email`, `phone`: what `emailVerified` and `phoneVerified` speak of.
    pub(super) primary: Vec<String>,
    /// `emailAddresses`, `phoneNumbers`: verified by their name, where there is a primary one.
    pub(super) further: Vec<String>,
    /// `unverifiedEmailAddresses`, `unverifiedPhoneNumbers`.
    pub(super) unverified: Vec<String>,
}

/// The same, sorted out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sorted {
    pub(super) verified: Vec<String>,
    pub(super) reserved: Vec<String>,
    /// The rule for the first address.
    pub(super) basis: EmailBasis,
    /// Whether unverified addresses were left out.
    pub(super) dropped: bool,
}

impl Given {
    /// Returns how many addresses the statement about verification speaks of.
    pub(super) fn spoken_of(&self) -> usize {
        if self.primary.is_empty() { self.further.len() } else { self.primary.len() }
    }

    /// Sorts the addresses out. `verdict`: by which rule those spoken of are verified; `doubt_all`: nothing is verified by its
    /// name either.
    pub(super) fn sort(self, verdict: Option<EmailBasis>, doubt_all: bool, policy: Unverified) -> Sorted {
        let Self { mut primary, mut further, mut unverified } = self;
        if primary.is_empty() {
            std::mem::swap(&mut primary, &mut further);
        }
        let mut verified = Vec::new();
        let mut basis = verdict.unwrap_or(EmailBasis::Stated);
        match verdict {
            Some(_) => verified = primary,
            None => unverified.splice(..0, primary).for_each(drop),
        }
        if doubt_all && verdict.is_none() {
            unverified.append(&mut further);
        } else {
            verified.append(&mut further);
        }
        once_each(&mut verified);
        once_each(&mut unverified);
        // "Verified" by default does not outweigh "unverified" in so many words; a statement does.
        if basis == EmailBasis::Unstated {
            verified.retain(|address| !unverified.contains(address));
        } else {
            unverified.retain(|address| !verified.contains(address));
        }
        let mut dropped = false;
        match policy {
            Unverified::Reserve => {}
            Unverified::Skip => dropped = !std::mem::take(&mut unverified).is_empty(),
            Unverified::Verify => {
                if verified.is_empty() {
                    basis = EmailBasis::Override;
                }
                verified.append(&mut unverified);
            }
        }
        if verified.is_empty() {
            basis = if unverified.is_empty() { EmailBasis::None } else { EmailBasis::Reserved };
        }
        Sorted { verified, reserved: unverified, basis, dropped }
    }
}

/// Leaves out what stands in the list before.
pub(super) fn once_each(list: &mut Vec<String>) {
    let mut at = 1;
    while at < list.len() {
        if list[..at].contains(&list[at]) {
            list.remove(at);
        } else {
            at += 1;
        }
    }
}

/// Splits a list into its first element and the others.
pub(super) fn first_and_rest(mut list: Vec<String>) -> (Option<String>, Vec<String>) {
    if list.is_empty() {
        return (None, list);
    }
    let first = list.remove(0);
    (Some(first), list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    struct Case {
        given: [&'static str; 3],
        verdict: Option<EmailBasis>,
        doubt_all: bool,
        policy: Unverified,
        sorted: (&'static str, &'static str, EmailBasis, bool),
    }

    #[test]
    fn addresses_are_sorted_by_what_is_known_and_what_is_wanted() {
        use EmailBasis::{None as NoAddress, Override, Reserved, Stated, Unstated};
        use Unverified::{Reserve, Skip, Verify};
        let case = |given, verdict, doubt_all, policy, sorted| Case { given, verdict, doubt_all, policy, sorted };
        for (at, case) in [
            case(["", "", ""], Some(Stated), false, Reserve, ("", "", NoAddress, false)),
            case(["a", "", ""], Some(Stated), false, Reserve, ("a", "", Stated, false)),
            case(["a b", "c a", "d a d"], Some(Stated), false, Reserve, ("a b c", "d", Stated, false)),
            case(["a", "", "a"], Some(Unstated), false, Reserve, ("", "a", Reserved, false)),
            case(["a", "", ""], None, false, Reserve, ("", "a", Reserved, false)),
            case(["a", "", ""], None, false, Skip, ("", "", NoAddress, true)),
            case(["a", "", ""], None, false, Verify, ("a", "", Override, false)),
            case(["a", "b", "c"], None, false, Reserve, ("b", "a c", Stated, false)),
            case(["a", "b", "c"], None, false, Skip, ("b", "", Stated, true)),
            case(["a", "b", "c"], None, false, Verify, ("b a c", "", Stated, false)),
            case(["a", "b", ""], None, true, Reserve, ("", "a b", Reserved, false)),
            case(["", "a b", ""], None, false, Reserve, ("", "a b", Reserved, false)),
            case(["", "a b", ""], Some(Unstated), false, Reserve, ("a b", "", Unstated, false)),
            case(["", "", "a"], Some(Unstated), false, Skip, ("", "", NoAddress, true)),
        ]
        .into_iter()
        .enumerate()
        {
            let [primary, further, unverified] = case.given.map(list);
            let sorted = Given { primary, further, unverified }.sort(case.verdict, case.doubt_all, case.policy);
            let (verified, reserved, basis, dropped) = case.sorted;
            let expected = Sorted { verified: list(verified), reserved: list(reserved), basis, dropped };
            assert_eq!(sorted, expected, "number {at}");
        }
    }
}
