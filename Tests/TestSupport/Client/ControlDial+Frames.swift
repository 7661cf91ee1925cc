import Foundation

/// One frame of the controller's, as far as tests look at it.
public struct ControlFrame: Decodable, Sendable {
    public let type: String
    public let re: Int?
    public let id: Int?
    public let reason: String?
    public let engine: String?
    public let generation: LeaseGeneration?
    public let workers: [GrantedWorker]?
}

/// Which lease is meant.
public struct LeaseGeneration: Codable, Sendable, Hashable {
    public let epoch: Int
    public let counter: Int

    public init(epoch: Int, counter: Int) {
        self.epoch = epoch
        self.counter = counter
    }

    var json: String { #"{"epoch": \#(epoch), "counter": \#(counter)}"# }
}

/// A worker as its executor is told of it.
public struct GrantedWorker: Decodable, Sendable {
    public let process: String
    public let pid: Int
    public let socket: String
    public let device: String
    public let cores: [Int]
}

extension ControlDial {
    /// The next frame of the controller's.
    public func next() throws -> ControlFrame {
        let length = try exactly(4).reduce(0) { $0 << 8 | Int($1) }
        let json = Data(try exactly(length))
        do {
            return try JSONDecoder().decode(ControlFrame.self, from: json)
        } catch {
            throw TestFailure("no frame of ours: \(String(decoding: json, as: UTF8.self))")
        }
    }
}
