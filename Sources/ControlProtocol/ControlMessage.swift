/// A message of the control protocol, as `docs/protocol.md` describes it.
public enum ControlMessage: Sendable, Equatable {
    case hello(Hello)
    case welcome(Welcome)
    case refused(Refused)
    case fork(Fork)
    case forked(Forked)
    case failed(Failed)
    case exited(Exited)
    case assign(Assign)
    case accepted(Accepted)
    case stage(Stage)
    case prepare(Prepare)
    case prepared(Prepared)
    case sleep(Sleep)
    case wake(Wake)
    case park(Park)
    case unpark(Unpark)
    case leaseRequest(LeaseRequest)
    case leaseGrant(LeaseGrant)
    case leaseRefused(LeaseRefused)
    case leaseRelease(LeaseRelease)
    case leaseRevoke(LeaseRevoke)
    case lease(Lease)
    case reset(Reset)
    case ping(Ping)
    case pong(Pong)
    case stop(Stop)
    case done(Done)
    case error(ProtocolError)

    /// The request that this message answers, if it is an answer.
    public var answeredID: Int? {
        switch self {
        case .welcome(let message): message.re
        case .refused(let message): message.re
        case .forked(let message): message.re
        case .failed(let message): message.re
        case .accepted(let message): message.re
        case .pong(let message): message.re
        case .done(let message): message.re
        case .leaseGrant(let message): message.re
        case .leaseRefused(let message): message.re
        case .error(let message): message.re
        case .hello, .fork, .exited, .assign, .stage, .prepare, .prepared, .sleep, .wake, .park, .unpark, .leaseRequest,
            .leaseRelease, .leaseRevoke, .lease, .reset, .ping, .stop:
            nil
        }
    }
}

/// The version of the protocol that this code speaks.
public let controlProtocolVersion = 1

/// A generation on the wire.
public struct WireGeneration: Codable, Sendable, Hashable {
    public var epoch: Int
    public var counter: Int

    public init(epoch: Int, counter: Int) {
        self.epoch = epoch
        self.counter = counter
    }
}

/// What a process is, on the wire.
public enum WireRole: String, Codable, Sendable {
    case zygote
    case template
    case frontEnd = "front_end"
    case core
    case worker
    /// Not a process: the connection of an executor that leases workers.
    case executor
}

/// Whether a process has an engine or, a template, its model.
public enum WireState: String, Codable, Sendable {
    case idle
    case assigned
    case preparing
    case prepared
}
