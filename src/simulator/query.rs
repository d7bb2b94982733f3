//! `GET /users` and `/users/count`: filters, order and pages.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use super::error::{Problem, Refusal};
use super::state::{Place, Users};
use super::user::{Identifier, User};

const MOST_VALUES: usize = 100;
const MOST_USERS: usize = 500;
const ORDERS: &str = "created_at, updated_at, email_address, web3wallet, first_name, last_name, phone_number, username, \
                      last_active_at, last_sign_in_at";

/// A whole query, read and checked.
#[derive(Debug)]
pub(super) struct Query {
    filters: Vec<Filter>,
    conditions: Vec<Condition>,
    limit: usize,
    offset: usize,
    starting_after: Option<String>,
    order: Order,
}

/// The values of one repeated parameter.
#[derive(Debug)]
struct Filter {
    /// `None` for `user_id`.
    identifier: Option<Identifier>,
    included: HashSet<String>,
    excluded: HashSet<String>,
}

#[derive(Debug)]
enum Condition {
    /// Any of these texts of the user holds this one, in lower case.
    Contains(Texts, String),
    Banned(bool),
    Before(Moment, i64),
    After(Moment, i64),
    /// Asks for what nobody has here: an organization, a social account.
    Nobody,
}

#[derive(Debug, Clone, Copy)]
enum Moment {
    Created,
    LastActive,
    LastSignIn,
}

#[derive(Debug, Clone, Copy)]
enum Texts {
    Emails,
    Phones,
    Usernames,
    Names,
    Any,
}

#[derive(Debug, Clone)]
struct Order {
    by: String,
    newest_first: bool,
}

impl Query {
    /// Reads the query of a list; `paged` says whether pages and order may be asked for.
    pub(super) fn parse(raw: &str, paged: bool) -> Result<Self, Refusal> {
        let mut query = Self {
            filters: Vec::new(),
            conditions: Vec::new(),
            limit: 10,
            offset: 0,
            starting_after: None,
            order: Order { by: "created_at".to_owned(), newest_first: true },
        };
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(raw.as_bytes()).map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
        let mut problems = query.read_filters(&pairs);
        let mut ordered = false;
        for (name, value) in &pairs {
            let verdict = match name.as_str() {
                "limit" | "offset" | "starting_after" | "order_by" if !paged => Err(Problem::unknown(name)),
                // Of several orders only the first counts.
                "order_by" if ordered => Ok(()),
                "order_by" => {
                    ordered = true;
                    query.read_order(value)
                }
                _ => query.read(name, value),
            };
            problems.extend(verdict.err());
        }
        if query.starting_after.is_some() && query.offset > 0 {
            problems.push(Problem::disallowed_beside("starting_after", "offset"));
        }
        if query.starting_after.is_some() && query.order.by != "created_at" {
            problems.push(Problem::not_among("order_by", "created_at, +created_at, -created_at"));
        }
        if problems.is_empty() { Ok(query) } else { Err(Refusal::form(problems)) }
    }

    /// Reads the parameters that may be repeated.
    fn read_filters(&mut self, pairs: &[(String, String)]) -> Vec<Problem> {
        let mut problems = Vec::new();
        let named = Identifier::ALL.map(|identifier| (identifier.field(), Some(identifier)));
        for (field, identifier) in named.into_iter().chain([("user_id", None)]) {
            let values: Vec<&str> =
                pairs.iter().filter(|(name, _)| name == field).map(|(_, value)| value.as_str()).collect();
            if values.len() > MOST_VALUES {
                problems.push(Problem::too_many(field, MOST_VALUES));
            } else if !values.is_empty() {
                self.filters.push(Filter::new(identifier, &values));
            }
        }
        problems
    }

    fn read(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        let mut contains = |texts| self.conditions.push(Condition::Contains(texts, value.to_lowercase()));
        match name {
            "external_id" | "user_id" | "email_address" | "phone_number" | "username" | "web3_wallet" => {}
            "limit" => self.limit = number(name, value, 1..=MOST_USERS as u64)?,
            "offset" => self.offset = number(name, value, 0..=u64::MAX)?,
            "starting_after" => self.starting_after = Some(value.to_owned()),
            "query" => contains(Texts::Any),
            "email_address_query" => contains(Texts::Emails),
            "phone_number_query" => contains(Texts::Phones),
            "username_query" => contains(Texts::Usernames),
            "name_query" => contains(Texts::Names),
            "banned" => {
                let banned = value.parse().map_err(|_| Problem::kind(name, "boolean"))?;
                self.conditions.push(Condition::Banned(banned));
            }
            "created_at_before" => self.conditions.push(Condition::Before(Moment::Created, millis(name, value)?)),
            "created_at_after" => self.conditions.push(Condition::After(Moment::Created, millis(name, value)?)),
            "last_active_at_before" => {
                self.conditions.push(Condition::Before(Moment::LastActive, millis(name, value)?));
            }
            "last_active_at_after" => self.conditions.push(Condition::After(Moment::LastActive, millis(name, value)?)),
            "last_active_at_since" => {
                let before = millis(name, value)?.saturating_sub(1);
                self.conditions.push(Condition::After(Moment::LastActive, before));
            }
            "last_sign_in_at_before" => {
                self.conditions.push(Condition::Before(Moment::LastSignIn, millis(name, value)?));
            }
            "last_sign_in_at_after" => self.conditions.push(Condition::After(Moment::LastSignIn, millis(name, value)?)),
            "organization_id" if value.starts_with('-') => {}
            "organization_id" | "provider" | "provider_user_id" => self.conditions.push(Condition::Nobody),
            _ => return Err(Problem::unknown(name)),
        }
        Ok(())
    }

    fn read_order(&mut self, value: &str) -> Result<(), Problem> {
        let by = value.strip_prefix(['+', '-']).unwrap_or(value);
        if !ORDERS.split(", ").any(|order| order == by) {
            return Err(Problem::not_among("order_by", ORDERS));
        }
        self.order = Order { by: by.to_owned(), newest_first: value.starts_with('-') };
        Ok(())
    }

    /// Counts all users that match.
    pub(super) fn count(&self, users: &Users) -> usize {
        if self.filters.is_empty() && self.conditions.is_empty() {
            return users.len();
        }
        self.places(users).filter(|place| self.admits(users, *place).is_some()).count()
    }

    /// Returns one page of the users that match.
    pub(super) fn page(&self, users: &Users) -> Result<Vec<Arc<User>>, Refusal> {
        let after = match &self.starting_after {
            Some(id) => Some(users.place_of_id(id).ok_or_else(no_such_cursor)?),
            None => None,
        };
        if self.order.by != "created_at" {
            return Ok(self.sorted_page(users));
        }
        let matching = self
            .places_after(users, after)
            .filter_map(|place| self.admits(users, place))
            .skip(self.offset)
            .take(self.limit);
        Ok(matching.cloned().collect())
    }

    fn sorted_page(&self, users: &Users) -> Vec<Arc<User>> {
        let mut matching: Vec<&Arc<User>> = self.places(users).filter_map(|place| self.admits(users, place)).collect();
        matching.sort_by(|one, other| {
            let order = compare(&self.order.by, one, other);
            if self.order.newest_first { order.reverse() } else { order }
        });
        matching.into_iter().skip(self.offset).take(self.limit).cloned().collect()
    }

    fn places<'a>(&'a self, users: &'a Users) -> Box<dyn Iterator<Item = Place> + 'a> {
        self.places_after(users, None)
    }

    /// The places of users that may match, in the order of the list: those that the shortest way leads to.
    fn places_after<'a>(&'a self, users: &'a Users, after: Option<Place>) -> Box<dyn Iterator<Item = Place> + 'a> {
        let newest_first = self.order.newest_first;
        if let Some(filter) = self.filters.iter().find(|filter| !filter.included.is_empty()) {
            let mut places = filter.places(users);
            if newest_first {
                places.reverse();
            }
            let follows = move |place: &Place| match after {
                None => true,
                Some(after) if newest_first => *place < after,
                Some(after) => *place > after,
            };
            return Box::new(places.into_iter().filter(follows));
        }
        let order = users.order();
        match (after, newest_first) {
            (None, true) => Box::new(order.iter().rev().copied()),
            (None, false) => Box::new(order.iter().copied()),
            (Some(after), true) => Box::new(order.range(..after).rev().copied()),
            (Some((time, slot)), false) => Box::new(order.range((time, slot + 1)..).copied()),
        }
    }

    fn admits<'a>(&self, users: &'a Users, place: Place) -> Option<&'a Arc<User>> {
        let user = users.at(place.1)?;
        let admitted = self.filters.iter().all(|filter| filter.admits(user))
            && self.conditions.iter().all(|condition| condition.admits(user));
        admitted.then_some(user)
    }
}

impl Filter {
    fn new(identifier: Option<Identifier>, values: &[&str]) -> Self {
        let key = |value: &str| identifier.map_or_else(|| value.to_owned(), |identifier| identifier.key(value));
        let signed = matches!(identifier, None | Some(Identifier::ExternalId));
        let mut filter = Self { identifier, included: HashSet::new(), excluded: HashSet::new() };
        for value in values {
            match (value.strip_prefix('+'), value.strip_prefix('-')) {
                (Some(included), _) if signed => filter.included.insert(key(included)),
                (_, Some(excluded)) if signed => filter.excluded.insert(key(excluded)),
                _ => filter.included.insert(key(value)),
            };
        }
        filter
    }

    /// The places of the users that are included, oldest first, each once.
    fn places(&self, users: &Users) -> Vec<Place> {
        let places = |value: &String| -> Vec<Place> {
            match self.identifier {
                Some(identifier) => users.places_of(identifier, value).collect(),
                None => users.place_of_id(value).into_iter().collect(),
            }
        };
        let mut places: Vec<Place> = self.included.iter().flat_map(places).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    fn admits(&self, user: &User) -> bool {
        let keys: Vec<String> = match self.identifier {
            Some(identifier) => user.values(identifier).into_iter().map(|value| identifier.key(value)).collect(),
            None => vec![user.id.clone()],
        };
        let included = self.included.is_empty() || keys.iter().any(|key| self.included.contains(key));
        included && !keys.iter().any(|key| self.excluded.contains(key))
    }
}

impl Condition {
    fn admits(&self, user: &User) -> bool {
        match self {
            Self::Contains(texts, part) => texts.of(user).iter().any(|text| text.to_lowercase().contains(part)),
            Self::Banned(banned) => user.banned == *banned,
            Self::Before(moment, time) => moment.of(user).is_some_and(|of_user| of_user < *time),
            Self::After(moment, time) => moment.of(user).is_some_and(|of_user| of_user > *time),
            Self::Nobody => false,
        }
    }
}

impl Moment {
    fn of(self, user: &User) -> Option<i64> {
        match self {
            Self::Created => Some(user.created_at),
            Self::LastActive => user.last_active_at,
            Self::LastSignIn => user.last_sign_in_at,
        }
    }
}

impl Texts {
    fn of(self, user: &User) -> Vec<&str> {
        match self {
            Self::Emails => user.values(Identifier::Email),
            Self::Phones => user.values(Identifier::Phone),
            Self::Usernames => user.values(Identifier::Username),
            Self::Names => [&user.first_name, &user.last_name].into_iter().flatten().map(String::as_str).collect(),
            Self::Any => {
                let mut all = vec![user.id.as_str()];
                all.extend(user.values(Identifier::Wallet));
                all.extend([Self::Emails, Self::Phones, Self::Usernames, Self::Names].iter().flat_map(|t| t.of(user)));
                all
            }
        }
    }
}

fn compare(by: &str, one: &User, other: &User) -> Ordering {
    let text = |user: &User| {
        let values = match by {
            "email_address" => user.values(Identifier::Email),
            "phone_number" => user.values(Identifier::Phone),
            "web3wallet" => user.values(Identifier::Wallet),
            "username" => user.values(Identifier::Username),
            "first_name" => user.first_name.as_deref().into_iter().collect(),
            "last_name" => user.last_name.as_deref().into_iter().collect(),
            _ => Vec::new(),
        };
        values.first().map(|value| (*value).to_owned())
    };
    match by {
        "updated_at" => one.updated_at.cmp(&other.updated_at),
        "last_active_at" => one.last_active_at.cmp(&other.last_active_at),
        "last_sign_in_at" => one.last_sign_in_at.cmp(&other.last_sign_in_at),
        _ => text(one).cmp(&text(other)),
    }
}

fn no_such_cursor() -> Refusal {
    Refusal::form(vec![Problem::no_such_resource("starting_after")])
}

fn number(name: &str, value: &str, allowed: std::ops::RangeInclusive<u64>) -> Result<usize, Problem> {
    let number: u64 = value.parse().map_err(|_| Problem::kind(name, "integer"))?;
    if !allowed.contains(&number) {
        return Err(Problem::value(name));
    }
    usize::try_from(number).map_err(|_| Problem::value(name))
}

fn millis(name: &str, value: &str) -> Result<i64, Problem> {
    value.parse().map_err(|_| Problem::kind(name, "integer"))
}
