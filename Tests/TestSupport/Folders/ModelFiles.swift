import Foundation

/// What a test puts at the path of a model.
public enum ModelFiles: Sendable {
    /// A config, and one tensor.
    case whole
    case missing
    case empty
    /// A safetensors file that lacks the end of its data.
    case truncated
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
        var weights = Self.tensor
        if case .truncated = self { weights.removeLast(100) }
        try weights.write(to: URL(fileURLWithPath: folder + "/model.safetensors"))
    }

    /// A safetensors file: the header's length, the header, the data.
    private static var tensor: Data {
        let header = Data(#"{"weight":{"dtype":"F32","shape":[64],"data_offsets":[0,256]}}"#.utf8)
        let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) }
        return length + header + Data(count: 256)
    }
}
