import NIOCore

/// Finds the field `model` of a `multipart/form-data` body.
struct FormModelReader {
    enum Failure: Error, Equatable {
        case notAForm
        case noModel
        case twoModels
        case nameTooLong
    }

    /// The longest head of one part, in bytes.
    private static let headLimit = 8192
    private let delimiter: [UInt8]

    /// - Parameter boundary: as in the request's `Content-Type`.
    init(boundary: String) { delimiter = Array("\r\n--\(boundary)".utf8) }

    /// The model's name. Reads the whole form: a field that stands twice is refused, since two readers may take two.
    func model(in body: ByteBuffer) throws(Failure) -> String {
        let bytes = body.readableBytesView
        guard bytes.starts(with: delimiter.dropFirst(2)) else { throw .notAForm }
        var position = bytes.startIndex + delimiter.count - 2
        var model: String?
        while true {
            // After a boundary comes a part or, marked by two dashes, the end.
            if bytes[position...].starts(with: "--".utf8) { break }
            guard bytes[position...].starts(with: "\r\n".utf8),
                let headEnd = Self.find(Self.headEnd, in: bytes[position...].prefix(Self.headLimit)),
                let end = Self.find(delimiter, in: bytes[(headEnd + 2)...])
            else { throw .notAForm }
            if Self.isModelField(head: bytes[(position + 2)..<max(headEnd, position + 2)]) {
                let value = bytes[min(headEnd + Self.headEnd.count, end)..<end]
                guard model == nil else { throw .twoModels }
                guard value.count <= JSONModelScanner.nameLimit else { throw .nameTooLong }
                model = String(decoding: value, as: UTF8.self)
            }
            position = end + delimiter.count
        }
        guard let model else { throw .noModel }
        return model
    }

    private static let headEnd = Array("\r\n\r\n".utf8)

    private static func isModelField(head: ByteBufferView) -> Bool {
        for line in String(decoding: head, as: UTF8.self).split(separator: "\r\n") {
            guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == "content-disposition",
                let disposition = HeaderParameters(line[line.index(after: colon)...])
            else { continue }
            return disposition.value == "form-data" && disposition.parameters["name"] == "model"
                && disposition.parameters["filename"] == nil
        }
        return false
    }

    /// Where `wanted` first stands.
    private static func find(_ wanted: [UInt8], in view: ByteBufferView) -> Int? {
        let found = view.withUnsafeBytes { bytes -> Int? in
            guard let first = wanted.first, bytes.count >= wanted.count else { return nil }
            for index in 0...(bytes.count - wanted.count) where bytes[index] == first {
                if bytes[index...].starts(with: wanted) { return index }
            }
            return nil
        }
        return found.map { view.startIndex + $0 }
    }
}
