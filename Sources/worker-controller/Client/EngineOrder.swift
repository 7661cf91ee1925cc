import Foundation
import Scheduling

/// What an engine is to be made of: a model, and fields of `POST /engines`.
struct EngineOrder: Encodable, Equatable, Sendable {
    /// A value of a field.
    enum Value: Encodable, Equatable, Sendable {
        case null
        case bool(Bool)
        case integer(Int)
        case number(Double)
        case string(String)

        /// Words that are values in JSON are these; everything else is text.
        init(_ text: String) {
            let isNumber = text.wholeMatch(of: /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/) != nil
            if let bool = Bool(text) {
                self = .bool(bool)
            } else if isNumber, let integer = Int(text) {
                self = .integer(integer)
            } else if isNumber, let number = Double(text), number.isFinite {
                self = .number(number)
            } else {
                self = text == "null" ? .null : .string(text)
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .null: try container.encodeNil()
            case .bool(let value): try container.encode(value)
            case .integer(let value): try container.encode(value)
            case .number(let value): try container.encode(value)
            case .string(let value): try container.encode(value)
            }
        }
    }

    let fields: [String: Value]

    /// - Parameters:
    ///   - settings: as `NAME=VALUE`.
    ///   - folder: where a path starts that is none of the controller's own.
    init(model: String, id: String?, settings: [Setting], folder: String) {
        var fields = Dictionary(settings.map { ($0.name, $0.value) }) { _, last in last }
        fields["model"] = .string(Self.path(model, in: folder))
        fields["engine_uuid"] = id.map(Value.string)
        self.fields = fields
    }

    /// A folder that is here is meant, whatever the controller's own folder is; everything else is up to the controller.
    private static func path(_ model: String, in folder: String) -> String {
        guard !model.hasPrefix("/"), !model.hasPrefix("~") else { return model }
        let path = folder + "/" + model
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
            return model
        }
        return URL(fileURLWithPath: path).standardizedFileURL.path
    }

    func encode(to encoder: any Encoder) throws {
        try fields.encode(to: encoder)
    }
}

/// The answer to a new engine.
struct CreatedEngineReply: Decodable, Equatable, Sendable {
    let engine: EngineStatus
    let warnings: [String]

    private enum CodingKeys: String, CodingKey {
        case warnings
    }

    init(from decoder: any Decoder) throws {
        engine = try EngineStatus(from: decoder)
        warnings = try decoder.container(keyedBy: CodingKeys.self).decode([String].self, forKey: .warnings)
    }
}

/// The answer to the end of an engine.
struct DeletedEngineReply: Decodable, Equatable, Sendable {
    let message: String
}
