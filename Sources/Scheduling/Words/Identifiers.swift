/// The ids of this system. Each is a type of its own, so that one can never stand where another belongs.

/// An engine: `e-3`. Numbered from 1 in each life of the controller.
public struct EngineID: Hashable, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ text: String) { description = text }
    public init(number: Int) { description = "e-\(number)" }
}

/// A process of ours: `p-17`. Not the kernel's pid.
public struct ProcessID: Hashable, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ text: String) { description = text }
    public init(number: Int) { description = "p-\(number)" }
}

/// A share of the machine that engines are placed on: `cpu:0`, `cuda:1`.
public struct DeviceID: Hashable, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ text: String) { description = text }
}

/// The name of a runtime in the config: a program that can make workers.
public struct RuntimeName: Hashable, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ text: String) { description = text }
}

/// One waiting request; unique in one life of the controller.
public struct RequestID: Hashable, Sendable, CustomStringConvertible {
    public let number: UInt64
    public init(_ number: UInt64) { self.number = number }
    public var description: String { "r-\(number)" }
}

/// One load, unload, sleep or wake that somebody waits for; unique in one life of the controller.
public struct CommandID: Hashable, Sendable {
    public let number: UInt64
    public init(_ number: UInt64) { self.number = number }
}

/// Which grant of workers a message belongs to. The epoch rises at each start of a controller, the counter at each
/// start of an engine; a message that carries an older one is dropped, so that a late one can change nothing.
public struct Generation: Hashable, Comparable, Sendable, Codable {
    public let epoch: Int
    public let counter: Int

    public init(epoch: Int, counter: Int) {
        self.epoch = epoch
        self.counter = counter
    }

    public static func < (left: Generation, right: Generation) -> Bool {
        (left.epoch, left.counter) < (right.epoch, right.counter)
    }
}

/// What a process of ours does.
public enum ProcessRole: String, Sendable, Codable {
    /// Everything imported, no model; forks the others.
    case zygote
    /// Holds one model's config, tokenizer and server app, and its weights while it is asleep; forks its processes.
    case template
    /// The OpenAI server of one engine.
    case frontEnd = "front_end"
    /// The engine core; without leased workers its only worker lives inside it.
    case core
    /// A device's context and no model: one rank of an engine that it is leased to.
    case worker
}

/// Where a model stands, and so what its next request waits for.
public enum Tier: String, Sendable, Codable, CaseIterable {
    /// An engine is ready.
    case hot
    /// Its weights are kept in memory, and no engine has them.
    case asleep
    /// Its engine is there without its workers, and so without weights.
    case parked
    /// Its template is ready: all that needs no weights is done.
    case warm
    /// No template: a start from the zygote's generic processes.
    case cold
}

/// A moment on a monotonic clock whose origin means nothing. The decision core gets it handed in, and so runs as well
/// under a virtual clock.
public struct Moment: Hashable, Comparable, Sendable {
    public let nanoseconds: Int64
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public static func < (left: Moment, right: Moment) -> Bool { left.nanoseconds < right.nanoseconds }

    public static func + (moment: Moment, duration: Duration) -> Moment {
        Moment(nanoseconds: moment.nanoseconds + duration.nanoseconds)
    }

    public static func - (later: Moment, earlier: Moment) -> Duration {
        .nanoseconds(later.nanoseconds - earlier.nanoseconds)
    }
}

extension Duration {
    /// Whole nanoseconds; enough for 292 years.
    public var nanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
    public var milliseconds: Double { Double(nanoseconds) / 1e6 }
    public var seconds: Double { Double(nanoseconds) / 1e9 }
}
