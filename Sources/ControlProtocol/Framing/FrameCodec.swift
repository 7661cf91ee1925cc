import Foundation
import NIOCore

/// Messages to frames and back: a 4-byte big-endian length, then so many bytes of a JSON object.
public enum FrameCodec {
    /// The most bytes of JSON in one frame, in both directions.
    public static let maximumLength = 1 << 20

    /// Appends the message's frame to the buffer, or throws `messageTooLong` or `notEncodable` and leaves it as it was.
    public static func encode(_ message: ControlMessage, into buffer: inout ByteBuffer) throws(FrameError) {
        let json: Data
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .withoutEscapingSlashes
            json = try encoder.encode(TypedMessage(message: message))
        } catch {
            throw .notEncodable(type: message.wireType.rawValue, reason: reason(of: error))
        }
        guard json.count <= maximumLength else {
            throw .messageTooLong(type: message.wireType.rawValue, length: json.count)
        }
        buffer.writeInteger(UInt32(json.count))
        buffer.writeBytes(json)
    }

    /// Takes the next whole frame from the buffer; nil while it is not all there.
    ///
    /// A length that is not allowed is refused as soon as it is read, before any of its bytes are waited for. After an
    /// error the stream cannot be understood any more: the connection is to be closed.
    public static func decodeNext(from buffer: inout ByteBuffer) throws(FrameError) -> IncomingFrame? {
        guard let announced = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else { return nil }
        let length = Int(announced)
        guard length > 0 else { throw .empty }
        guard length <= maximumLength else { throw .tooLong(length: length) }
        guard buffer.readableBytes >= 4 + length else { return nil }
        buffer.moveReaderIndex(forwardBy: 4)
        guard let bytes = buffer.readBytes(length: length) else { return nil }
        return try decode(bytes)
    }

    /// Decodes the JSON of one frame.
    private static func decode(_ bytes: [UInt8]) throws(FrameError) -> IncomingFrame {
        // The decoder would also take UTF-16 and UTF-32 (whose ASCII has zero bytes), and looks at the encoding of
        // strings only when they are used.
        guard !bytes.contains(0), String(validating: bytes, as: UTF8.self) != nil else { throw .notJSON }
        let data = Data(bytes)
        let decoder = JSONDecoder()
        let envelope: Envelope
        do {
            envelope = try decoder.decode(Envelope.self, from: data)
        } catch DecodingError.typeMismatch, DecodingError.valueNotFound {
            throw .notAnObject
        } catch {
            throw .notJSON
        }
        guard let type = envelope.type else { throw .noType }
        guard let known = WireType(rawValue: type) else { return .unknownType(type: type, id: envelope.id) }
        do {
            return .message(try known.decode(data, with: decoder))
        } catch {
            return .malformed(type: type, id: envelope.id, reason: reason(of: error))
        }
    }

    /// One line for people about a coding error.
    private static func reason(of error: any Error) -> String {
        func path(_ keys: [any CodingKey]) -> String {
            keys.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
        }
        return switch error {
        case DecodingError.keyNotFound(let key, let context):
            "'\(path(context.codingPath + [key]))' is missing"
        case DecodingError.valueNotFound(_, let context):
            "'\(path(context.codingPath))' is missing"
        case DecodingError.typeMismatch(_, let context):
            "'\(path(context.codingPath))' is of the wrong type"
        case DecodingError.dataCorrupted(let context):
            "'\(path(context.codingPath))' has a value that is not allowed"
        case EncodingError.invalidValue(_, let context):
            "'\(path(context.codingPath))' has a value that is not allowed"
        default:
            String(describing: error)
        }
    }
}

/// What is read before anything else.
private struct Envelope: Decodable {
    var type: String?
    var id: Int?

    enum CodingKeys: String, CodingKey {
        case type, id
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        // One that is of the wrong type is as good as none.
        type = try? container.decode(String.self, forKey: .type)
        id = try? container.decode(Int.self, forKey: .id)
    }
}

/// A message's fields and its `type` in one object.
private struct TypedMessage: Encodable {
    let message: ControlMessage

    enum CodingKeys: String, CodingKey {
        case type
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(message.wireType.rawValue, forKey: .type)
        try message.fields.encode(to: encoder)
    }
}
