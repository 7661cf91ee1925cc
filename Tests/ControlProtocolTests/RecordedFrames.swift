import Foundation
import NIOCore
import Testing

@testable import ControlProtocol

/// The frames that the Python tests read too.
struct RecordedFrames: Decodable {
    struct Recorded: Decodable, CustomTestStringConvertible {
        let name: String
        let message: JSONValue

        var testDescription: String { name }

        /// The frame as a peer would write it.
        func frame() throws -> ByteBuffer { try ControlProtocolTests.frame(message) }
    }

    /// A known type with a field that makes no sense.
    struct Malformed: Decodable, CustomTestStringConvertible {
        let name: String
        /// The field that its reason has to name.
        let field: String
        /// The type of the answer that it has.
        let answer: String
        let message: JSONValue

        var testDescription: String { name }
    }

    struct Bad: Decodable, CustomTestStringConvertible {
        let name: String
        let frameHex: String
        let error: String

        var testDescription: String { name }

        enum CodingKeys: String, CodingKey {
            case name, error
            case frameHex = "frame_hex"
        }

        func frame() throws -> ByteBuffer {
            var buffer = ByteBuffer()
            var rest = frameHex[...]
            while !rest.isEmpty {
                buffer.writeInteger(try #require(UInt8(rest.prefix(2), radix: 16)))
                rest = rest.dropFirst(2)
            }
            return buffer
        }
    }

    let messages: [Recorded]
    let malformedMessages: [Malformed]
    let badFrames: [Bad]

    enum CodingKeys: String, CodingKey {
        case messages
        case malformedMessages = "malformed_messages"
        case badFrames = "bad_frames"
    }

    static func load() throws -> RecordedFrames {
        let folder = try #require(Bundle.module.url(forResource: "Frames", withExtension: nil))
        let data = try Data(contentsOf: folder.appendingPathComponent("frames.json"))
        return try JSONDecoder().decode(RecordedFrames.self, from: data)
    }
}

/// A frame around any JSON.
func frame(_ message: JSONValue) throws -> ByteBuffer {
    frame(String(decoding: try JSONEncoder().encode(message), as: UTF8.self))
}

/// A frame around any text.
func frame(_ json: String) -> ByteBuffer {
    var buffer = ByteBuffer()
    buffer.writeInteger(UInt32(json.utf8.count))
    buffer.writeString(json)
    return buffer
}
