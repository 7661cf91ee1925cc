import ControlProtocol
import Foundation
import NIOCore

/// A connection to a worker, with JSON frames as `docs/protocol.md` has them.
final class WorkerSocket {
    private let descriptor: Int32
    private var buffer = ByteBuffer()

    init(_ worker: LeasedWorker) throws {
        descriptor = try UnixSocket.connect(worker.socket)
    }

    deinit {
        close(descriptor)
    }

    func send(_ message: JSONValue) throws {
        let json = try JSONEncoder().encode(message)
        var frame = ByteBuffer(integer: UInt32(json.count))
        frame.writeBytes(json)
        try UnixSocket.write(Array(frame.readableBytesView), to: descriptor)
    }

    func attach(
        _ generation: WireGeneration = RuntimeUnderTest.generation, engine: String = RuntimeUnderTest.engine,
        rank: Int = 0
    ) throws -> [String: JSONValue] {
        let counts: JSONValue = ["epoch": .integer(generation.epoch), "counter": .integer(generation.counter)]
        try send(["type": "attach", "engine": .string(engine), "generation": counts, "rank": .integer(rank)])
        return try receive()
    }

    func sendStage(_ stage: String, _ arguments: [String: JSONValue] = [:], worldSize: Int = 1) throws {
        try send([
            "type": "stage", "stage": .string(stage), "arguments": .object(arguments),
            "world_size": .integer(worldSize),
        ])
    }

    /// Wants the stage to be done.
    func stage(_ stage: String, _ arguments: [String: JSONValue] = [:], worldSize: Int = 1) throws {
        try sendStage(stage, arguments, worldSize: worldSize)
        let answer = try receive()
        guard answer == ["type": "done"] else { throw TestFailure("\(stage): \(answer)") }
    }

    func receive() throws -> [String: JSONValue] {
        while true {
            if let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self),
                let json = buffer.getBytes(at: buffer.readerIndex + 4, length: Int(length))
            {
                buffer.moveReaderIndex(forwardBy: 4 + Int(length))
                return try JSONDecoder().decode([String: JSONValue].self, from: Data(json))
            }
            guard UnixSocket.isReadable(descriptor, within: TestController.patience) else {
                throw TestFailure("the worker does not answer")
            }
            let bytes = UnixSocket.read(descriptor)
            guard !bytes.isEmpty else { throw TestFailure("the worker closed the connection") }
            buffer.writeBytes(bytes)
        }
    }

    /// Whether the worker closes the connection without another byte.
    func isClosedByWorker() -> Bool {
        buffer.readableBytes == 0 && UnixSocket.isReadable(descriptor, within: TestController.patience)
            && UnixSocket.read(descriptor).isEmpty
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByDictionaryLiteral {
    public init(stringLiteral value: String) {
        self = .string(value)
    }

    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(Dictionary(elements, uniquingKeysWith: { $1 }))
    }
}
