//! Attacks on programs that judge, and by such programs. The file of an attack has two programs then: the attack itself, and
//! another one that it judges or that judges it.

use serde_json::{Map, Value, json};

/// Fields of a request that belong to one program.
const OF_A_PROGRAM: [&str; 5] = ["language", "code", "filename", "files", "limits"];

/// Part of a program in an execution that is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// It is judged.
    #[default]
    Solution,
    /// It judges the output of the other program.
    Checker,
    /// It talks with the other program.
    Interactor,
}

/// The part of an attack that is about judging.
#[derive(Clone, Debug, Default)]
pub struct Judging {
    /// The role of the attack.
    pub role: Role,
    /// The other program.
    pub other: Option<OtherProgram>,
    /// Whether the transcript is requested.
    pub transcript: bool,
}

/// The program that is not the attack.
#[derive(Clone, Debug)]
pub struct OtherProgram {
    /// Its role.
    pub role: Role,
    /// Its language.
    pub language: String,
    /// Its source.
    pub code: String,
}

impl Role {
    /// Returns the role with this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "solution" => Self::Solution,
            "checker" => Self::Checker,
            "interactor" => Self::Interactor,
            _ => return None,
        })
    }

    /// Returns the field of a request that has a program with this role, unless it is the request itself.
    const fn field(self) -> Option<&'static str> {
        match self {
            Self::Solution => None,
            Self::Checker => Some("checker"),
            Self::Interactor => Some("interactor"),
        }
    }
}

impl Judging {
    /// Adds the other program to a request for the attack alone.
    ///
    /// # Errors
    /// A message, if the roles of the two programs do not fit.
    pub fn complete(&self, mut body: Value) -> Result<Value, String> {
        match (&self.other, self.role.field()) {
            (None, None) => {}
            (None, Some(field)) => return Err(format!("a {field} requires a file `solution`")),
            (Some(OtherProgram { role, language, code }), None) => {
                let field = role.field().ok_or("two solutions")?;
                body[field] = json!({ "language": language, "code": code });
            }
            (Some(OtherProgram { role: Role::Solution, language, code }), Some(field)) => {
                let fields = body.as_object_mut().ok_or("a request is an object")?;
                let take = |name: &str| Some((name.to_owned(), fields.remove(name)?));
                let attack: Map<String, Value> = OF_A_PROGRAM.into_iter().filter_map(take).collect();
                (body["language"], body["code"]) = (json!(language), json!(code));
                body[field] = attack.into();
            }
            (Some(_), Some(_)) => return Err("two programs that judge".to_owned()),
        }
        if self.transcript {
            body["transcript"] = json!(true);
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judging(role: Role, other: Role) -> Judging {
        let other = OtherProgram { role: other, language: "bash".to_owned(), code: "echo".to_owned() };
        Judging { role, other: Some(other), transcript: true }
    }

    #[test]
    fn each_program_gets_its_fields() {
        let attack = json!({ "language": "c", "code": "main", "limits": { "cpu_ms": 1 }, "stdin": "x" });
        let checked = judging(Role::Solution, Role::Checker).complete(attack.clone());
        let mut expected = attack.clone();
        expected["checker"] = json!({ "language": "bash", "code": "echo" });
        expected["transcript"] = json!(true);
        assert_eq!(checked, Ok(expected));
        let interactor = judging(Role::Interactor, Role::Solution).complete(attack.clone());
        let expected = json!({ "language": "bash", "code": "echo", "stdin": "x", "transcript": true,
            "interactor": { "language": "c", "code": "main", "limits": { "cpu_ms": 1 } } });
        assert_eq!(interactor, Ok(expected));
        assert_eq!(Judging::default().complete(attack.clone()), Ok(attack.clone()));
        for wrong in [
            judging(Role::Solution, Role::Solution),
            judging(Role::Checker, Role::Interactor),
            Judging { role: Role::Checker, ..Judging::default() },
        ] {
            assert!(wrong.complete(attack.clone()).is_err(), "{wrong:?}");
        }
    }
}
