import Foundation

/// What a test puts at the path of a model.
public enum ModelFiles: Sendable {
    /// A config, and one tensor.
    case whole
    case missing
    case empty
    /// A safetensors file that lacks the end of its data.
    case truncated
    /// A safetensors file of about so many bytes, which take no space on disk.
    case sparse(bytes: Int)
    /// A link to a model folder that is there already.
    case link(to: String)

    /// Writes them into the folder, which is made if need be.
    public func write(to folder: String) throws {
        if case .missing = self { return }
        if case .link(let target) = self {
            let parent = URL(fileURLWithPath: folder).deletingLastPathComponent()
            try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
            return try FileManager.default.createSymbolicLink(atPath: folder, withDestinationPath: target)
        }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        if case .empty = self { return }
        try Data(#"{"model_type": "simulated"}"#.utf8).write(to: URL(fileURLWithPath: folder + "/config.json"))
        let file = URL(fileURLWithPath: folder + "/model.safetensors")
        let bytes = if case .sparse(let bytes) = self { bytes } else { 256 }
        let head = Self.head(dataBytes: bytes)
        try head.write(to: file)
        let handle = try FileHandle(forWritingTo: file)
        let missing = if case .truncated = self { 100 } else { 0 }
        try handle.truncate(atOffset: UInt64(head.count + bytes - missing))
        try handle.close()
    }

    /// What a safetensors file has before its data: the header's length, and the header.
    private static func head(dataBytes: Int) -> Data {
        let offsets = "[0,\(dataBytes)]"
        let header = Data(#"{"weight":{"dtype":"F32","shape":[\#(dataBytes / 4)],"data_offsets":\#(offsets)}}"#.utf8)
        return withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) } + header
    }
}
