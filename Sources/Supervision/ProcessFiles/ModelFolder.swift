import Foundation
import Scheduling

/// A look at a model folder before any process is spent on it.
public enum ModelFolder {
    /// - Parameters:
    ///   - contents: whether the fingerprint is also of all bytes in the files, which takes as long as reading them.
    ///   - isCancelled: asked while contents are read; when true, `CancellationError` is thrown.
    /// - Returns: the size of its weight files in bytes, and what tells its files from others.
    /// - Throws: `ControllerError` with code `startFailed`: what is wrong with the folder.
    public static func inspect(
        _ path: String, contents: Bool = false, isCancelled: () -> Bool = { false }
    ) throws -> ModelInspection {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw failure(
                "The model folder \(path) does not exist. Correct its path in the config, or put the model there.")
        }
        guard isDirectory.boolValue else { throw failure("The model path \(path) is a file; a model is a folder.") }
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
            throw failure("The model folder \(path) cannot be read. Correct its mode or owner.")
        }
        guard names.contains("config.json") else {
            throw failure(
                "The model folder \(path) has no config.json, so it is not a model (it holds \(names.count) files).")
        }
        guard let config = FileManager.default.contents(atPath: path + "/config.json") else {
            throw failure("\(path)/config.json cannot be read. Correct its mode or owner, or copy the model again.")
        }
        guard (try? JSONSerialization.jsonObject(with: config)) is [String: Any] else {
            throw failure("\(path)/config.json is not a JSON object.")
        }
        // Before the weights are looked at: should they change meanwhile, the next look finds another fingerprint.
        let fingerprint = try ModelFingerprint.compute(path, contents: contents, isCancelled: isCancelled)
        try checkIndex(in: path)
        let safetensors = names.filter { $0.hasSuffix(".safetensors") }
        for name in safetensors { try checkSafetensors("\(path)/\(name)") }
        let weights = safetensors.isEmpty ? names.filter(isOtherWeights) : safetensors
        let bytes = try weights.reduce(0) { try $0 + size(of: "\(path)/\($1)") }
        guard bytes > 0 else {
            throw failure("The model folder \(path) has no weights (*.safetensors, *.bin, *.pt or *.gguf).")
        }
        return ModelInspection(weightBytes: bytes, fingerprint: fingerprint)
    }

    private static func isOtherWeights(_ name: String) -> Bool {
        [".bin", ".pt", ".pth", ".gguf"].contains { name.hasSuffix($0) }
    }

    /// Every shard that the index names has to be there.
    private static func checkIndex(in path: String) throws {
        let index = path + "/model.safetensors.index.json"
        guard let data = FileManager.default.contents(atPath: index) else { return }
        guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
            let map = object["weight_map"] as? [String: String]
        else { throw failure("\(index) is not a JSON object with a weight_map.") }
        for shard in Set(map.values).sorted() where !FileManager.default.fileExists(atPath: "\(path)/\(shard)") {
            throw failure("\(index) names \(shard), which is missing. Copy the model again.")
        }
    }

    /// A safetensors file is an 8-byte little-endian length, so many bytes of a JSON header, then the data whose end the header
    /// names (https://github.com/huggingface/safetensors, "Format").
    private static func checkSafetensors(_ file: String) throws {
        let size = try size(of: file)
        guard let handle = FileHandle(forReadingAtPath: file) else {
            throw failure("\(file) cannot be read. Correct its mode or owner.")
        }
        defer { try? handle.close() }
        guard size >= 8, let prefix = try? handle.read(upToCount: 8), prefix.count == 8 else {
            throw failure("\(file) is truncated: it has only \(size) bytes. Copy the model again.")
        }
        let length = prefix.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length >= 2, length <= 100 << 20 else {
            throw failure("\(file) is not a safetensors file: it announces a header of \(length) bytes.")
        }
        // Before the header is read, so that a few bytes cannot ask for memory that they do not fill.
        let dataStart = 8 + Int(length)
        guard size >= dataStart, let header = try? handle.read(upToCount: Int(length)), header.count == Int(length)
        else { throw failure("\(file) is truncated within its header (\(size) bytes). Copy the model again.") }
        guard let tensors = try? JSONSerialization.jsonObject(with: header) as? [String: Any] else {
            throw failure("\(file) is damaged: its header is not a JSON object. Copy the model again.")
        }
        let dataBytes = try tensors.filter { $0.key != "__metadata__" }.map { try dataEnd(of: $0, $1, file) }.max() ?? 0
        let (expected, overflow) = dataStart.addingReportingOverflow(dataBytes)
        guard !overflow, size >= expected else {
            throw failure(
                "\(file) is truncated: it has \(size) bytes, and its header tells of \(dataBytes) more than the "
                    + "\(dataStart) before them. Copy the model again.")
        }
    }

    /// Where a tensor ends, in bytes from the end of the header.
    private static func dataEnd(of name: String, _ tensor: Any, _ file: String) throws -> Int {
        guard let offsets = (tensor as? [String: Any])?["data_offsets"] as? [Int], offsets.count == 2,
            0 <= offsets[0], offsets[0] <= offsets[1]
        else {
            throw failure("\(file) is damaged: its header does not say where '\(name)' lies. Copy the model again.")
        }
        return offsets[1]
    }

    private static func size(of file: String) throws -> Int {
        var status = stat()
        guard stat(file, &status) == 0 else {
            throw failure("\(file) cannot be read: \(String(cString: strerror(errno)))")
        }
        // Opening a pipe would wait for its writer.
        guard status.st_mode & S_IFMT == S_IFREG else { throw failure("\(file) is not a file. Copy the model again.") }
        return Int(status.st_size)
    }

    private static func failure(_ message: String) -> ControllerError { ControllerError(.startFailed, message) }
}
