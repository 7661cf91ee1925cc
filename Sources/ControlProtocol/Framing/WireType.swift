import Foundation

/// The `type` of each message.
enum WireType: String, CaseIterable {
    case hello, welcome, refused, fork, forked, failed, exited, assign, accepted, stage, prepare, prepared, sleep, wake
    case park, unpark, lease, reset, ping, pong, stop, done, error
    case leaseRequest = "lease.request"
    case leaseGrant = "lease.grant"
    case leaseRefused = "lease.refused"
    case leaseRelease = "lease.release"
    case leaseRevoke = "lease.revoke"

    /// Decodes the fields of a message of this type.
    func decode(_ data: Data, with decoder: JSONDecoder) throws -> ControlMessage {
        switch self {
        case .hello: .hello(try decoder.decode(Hello.self, from: data))
        case .welcome: .welcome(try decoder.decode(Welcome.self, from: data))
        case .refused: .refused(try decoder.decode(Refused.self, from: data))
        case .fork: .fork(try decoder.decode(Fork.self, from: data))
        case .forked: .forked(try decoder.decode(Forked.self, from: data))
        case .failed: .failed(try decoder.decode(Failed.self, from: data))
        case .exited: .exited(try decoder.decode(Exited.self, from: data))
        case .assign: .assign(try decoder.decode(Assign.self, from: data))
        case .accepted: .accepted(try decoder.decode(Accepted.self, from: data))
        case .stage: .stage(try decoder.decode(Stage.self, from: data))
        case .prepare: .prepare(try decoder.decode(Prepare.self, from: data))
        case .prepared: .prepared(try decoder.decode(Prepared.self, from: data))
        case .sleep: .sleep(try decoder.decode(Sleep.self, from: data))
        case .wake: .wake(try decoder.decode(Wake.self, from: data))
        case .park: .park(try decoder.decode(Park.self, from: data))
        case .unpark: .unpark(try decoder.decode(Unpark.self, from: data))
        case .leaseRequest: .leaseRequest(try decoder.decode(LeaseRequest.self, from: data))
        case .leaseGrant: .leaseGrant(try decoder.decode(LeaseGrant.self, from: data))
        case .leaseRefused: .leaseRefused(try decoder.decode(LeaseRefused.self, from: data))
        case .leaseRelease: .leaseRelease(try decoder.decode(LeaseRelease.self, from: data))
        case .leaseRevoke: .leaseRevoke(try decoder.decode(LeaseRevoke.self, from: data))
        case .lease: .lease(try decoder.decode(Lease.self, from: data))
        case .reset: .reset(try decoder.decode(Reset.self, from: data))
        case .ping: .ping(try decoder.decode(Ping.self, from: data))
        case .pong: .pong(try decoder.decode(Pong.self, from: data))
        case .stop: .stop(try decoder.decode(Stop.self, from: data))
        case .done: .done(try decoder.decode(Done.self, from: data))
        case .error: .error(try decoder.decode(ProtocolError.self, from: data))
        }
    }
}

extension ControlMessage {
    /// The message's `type`.
    var wireType: WireType {
        switch self {
        case .hello: .hello
        case .welcome: .welcome
        case .refused: .refused
        case .fork: .fork
        case .forked: .forked
        case .failed: .failed
        case .exited: .exited
        case .assign: .assign
        case .accepted: .accepted
        case .stage: .stage
        case .prepare: .prepare
        case .prepared: .prepared
        case .sleep: .sleep
        case .wake: .wake
        case .park: .park
        case .unpark: .unpark
        case .leaseRequest: .leaseRequest
        case .leaseGrant: .leaseGrant
        case .leaseRefused: .leaseRefused
        case .leaseRelease: .leaseRelease
        case .leaseRevoke: .leaseRevoke
        case .lease: .lease
        case .reset: .reset
        case .ping: .ping
        case .pong: .pong
        case .stop: .stop
        case .done: .done
        case .error: .error
        }
    }

    /// The message's fields, without its `type`.
    var fields: any Encodable {
        switch self {
        case .hello(let message): message
        case .welcome(let message): message
        case .refused(let message): message
        case .fork(let message): message
        case .forked(let message): message
        case .failed(let message): message
        case .exited(let message): message
        case .assign(let message): message
        case .accepted(let message): message
        case .stage(let message): message
        case .prepare(let message): message
        case .prepared(let message): message
        case .sleep(let message): message
        case .wake(let message): message
        case .park(let message): message
        case .unpark(let message): message
        case .leaseRequest(let message): message
        case .leaseGrant(let message): message
        case .leaseRefused(let message): message
        case .leaseRelease(let message): message
        case .leaseRevoke(let message): message
        case .lease(let message): message
        case .reset(let message): message
        case .ping(let message): message
        case .pong(let message): message
        case .stop(let message): message
        case .done(let message): message
        case .error(let message): message
        }
    }
}
