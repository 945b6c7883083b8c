//! The broker: the way of a message from the node that owns a topic to all nodes with subscribers.
//!
//! A single server is its own only node, so its broker hands every message straight back.

use super::Delivery;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// Carries messages of topics between nodes.
///
/// Every node that has subscribed to a topic receives each of its messages once, in the order in which they were
/// published, the publishing node included.
pub trait Broker: Send {
    /// Publishes a message to the topic that it names.
    fn publish(&mut self, delivery: Arc<Delivery>);
    /// This node wants the messages of a topic.
    fn subscribe(&mut self, topic: &str);
    /// This node wants the messages of a topic no longer.
    fn leave(&mut self, topic: &str);
    /// The next message for this node.
    fn poll(&mut self) -> Option<Arc<Delivery>>;
}

/// The broker of a single server.
#[derive(Debug, Default)]
pub struct LocalBroker {
    subscribed: BTreeSet<Box<str>>,
    waiting: VecDeque<Arc<Delivery>>,
}

impl Broker for LocalBroker {
    fn publish(&mut self, delivery: Arc<Delivery>) {
        if self.subscribed.contains(&*delivery.name) {
            self.waiting.push_back(delivery);
        }
    }

    fn subscribe(&mut self, topic: &str) {
        self.subscribed.insert(topic.into());
    }

    fn leave(&mut self, topic: &str) {
        self.subscribed.remove(topic);
        self.waiting.retain(|delivery| &*delivery.name != topic);
    }

    fn poll(&mut self) -> Option<Arc<Delivery>> {
        self.waiting.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire::message::topics::ServerTopic;

    fn message(topic: &str, id: u64) -> Arc<Delivery> {
        let message = ServerTopic::Message { number: 0, id, key: "".into(), from: None, at_ms: 0, body: "".into() };
        Arc::new(Delivery::new(None, &topic.into(), message))
    }

    /// The promises of every broker, whichever way it carries messages.
    fn keeps_its_promises(broker: &mut dyn Broker) {
        let received = |broker: &mut dyn Broker| {
            std::iter::from_fn(|| broker.poll())
                .map(|delivery| match &delivery.message {
                    ServerTopic::Message { id, .. } => (delivery.name.to_string(), *id),
                    other => unreachable!("{other:?}"),
                })
                .collect::<Vec<_>>()
        };
        let named = |list: &[(&str, u64)]| list.iter().map(|(name, id)| (name.to_string(), *id)).collect::<Vec<_>>();
        broker.publish(message("a", 1));
        assert_eq!(received(broker), [], "nobody has subscribed");
        broker.subscribe("a");
        broker.subscribe("b");
        broker.subscribe("a");
        for (topic, id) in [("a", 2), ("b", 1), ("c", 1), ("a", 3), ("a", 4)] {
            broker.publish(message(topic, id));
        }
        assert_eq!(received(broker), named(&[("a", 2), ("b", 1), ("a", 3), ("a", 4)]), "each once, in order");
        broker.leave("a");
        broker.publish(message("a", 5));
        broker.publish(message("b", 2));
        assert_eq!(received(broker), named(&[("b", 2)]), "a topic that was left is heard no longer");
    }

    #[test]
    fn the_local_broker_keeps_the_promises_of_a_broker() {
        keeps_its_promises(&mut LocalBroker::default());
    }
}
