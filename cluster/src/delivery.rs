//! Messages as consumers deliver them.

use async_nats::Message;

/// A message of a consumer, until it is acknowledged.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) message: Message,
    pub(crate) reply: Reply,
    pub(crate) info: DeliveryInfo,
}

/// The way to acknowledge a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The subject on which it is acknowledged.
    pub(crate) subject: String,
    /// Id of the server that was connected when it was requested.
    pub(crate) server: String,
}

/// What the server says about a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeliveryInfo {
    /// How often the message was delivered, this time included.
    pub(crate) delivered: u64,
    /// Sequence number of the message in its stream.
    pub(crate) sequence: u64,
}

/// Reads the subject of an acknowledgement:
/// `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<consumer sequence>.<time>.<pending>`, which newer servers
/// write with the domain and the account after `ACK`, and with a token at the end.
pub(crate) fn delivery_info(reply: &str) -> Option<DeliveryInfo> {
    let tokens: Vec<_> = reply.strip_prefix("$JS.ACK.")?.split('.').collect();
    let first = match tokens.len() {
        7 => 2,
        9.. => 4,
        _ => return None,
    };
    let number = |index: usize| tokens.get(index)?.parse().ok();
    Some(DeliveryInfo { delivered: number(first)?, sequence: number(first + 1)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_of_an_acknowledgement_has_the_deliveries_and_the_sequence_number() {
        let expected = Some(DeliveryInfo { delivered: 2, sequence: 17 });
        assert_eq!(delivery_info("$JS.ACK.WORK_main.b3.2.17.5.1669000000000000000.0"), expected);
        assert_eq!(delivery_info("$JS.ACK._.AABBCC.WORK_main.b3.2.17.5.1669000000000000000.0"), expected);
        assert_eq!(delivery_info("$JS.ACK._.AABBCC.WORK_main.b3.2.17.5.1669000000000000000.0.tok"), expected);
        for wrong in ["", "$JS.ACK.a.b", "$JS.ACK.a.b.c.d.e.f.g", "_INBOX.1.2.3.4.5.6.7"] {
            assert_eq!(delivery_info(wrong), None, "{wrong}");
        }
    }
}
