/** The body of a stored part; `content.ts` turns it into a request. */
export type MatrixBody = {
  readonly text: string;
  /** Null if it would add nothing to `text`. */
  readonly html: string | null;
  readonly mentions: readonly string[];
  readonly notice: boolean;
  readonly image?: MatrixImage;
  readonly file?: MatrixFile;
};

/** `url` is set after the upload. */
export type MatrixFile = {
  readonly name: string;
  readonly mediaType: string;
  readonly size: number;
  readonly width?: number;
  readonly height?: number;
  readonly url?: string;
};

/** `url` and `size` are set after the upload. */
export type MatrixImage = {
  readonly png: string;
  readonly width: number;
  readonly height: number;
  readonly url?: string;
  readonly size?: number;
};
